"""Decisions by the shipped policy, and what holds for any."""

from collections.abc import Mapping
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bullpen.caller import Caller
from bullpen.security.authorization.cedar import CedarPolicy
from bullpen.security.authorization.document import policies_of
from bullpen.security.authorization.permission import covers
from bullpen.security.authorization.ports import HOUSE, Decision, Resource
from tests.stubs.policy import allows, asking, policy_of, shipped

SEEDS: Mapping[str, tuple[str, ...]] = {
    "admin": ("*",),
    "developer": ("agent:create", "agent:execute", "agent:read"),
    "analyst": ("agent:execute", "agent:read", "data:read"),
    "user": ("agent:execute:basic", "agent:read:own"),
    "nobody": (),
    "ADMIN": (),
    "*": (),
}
ASKED = (
    *("agent", "agent:create", "agent:execute", "agent:execute:basic", "agent:execute:restricted", "agent:read"),
    *("agent:read:own", "agent:delete", "agents:read", "data", "data:read", "data:read:rows", "data:write", "*"),
    *(
        "audit:read",
        "audit:read:own",
        "metrics:read",
        "pool",
        "pool:read",
        "security:read",
        "security:keys",
        "nonsense",
    ),
)
WORDS = st.sampled_from(["*", "agent", "execute", "read", "own", "house", "data", "audit", "advanced", ""])
PERMISSIONS = st.lists(WORDS, min_size=1, max_size=4).map(":".join)
NAMES = st.sampled_from(["acme", "globex", "default", "ann", "bob", ""])
POLICY = shipped()
ANNS = Resource("session", "1", tenant="acme", owner="ann")
BOBS = ANNS._replace(owner="bob")
CLEARED = asking("developer", attributes={"clearance_level": 2})


def allowed(caller: Caller, permission: str, resource: Resource = HOUSE, policy: CedarPolicy = POLICY) -> bool:
    return allows(policy, caller, permission, resource)


@pytest.mark.parametrize(("role", "asked"), [*product(SEEDS, ASKED)])
def test_every_role_has_exactly_the_permissions_of_the_seeds(role: str, asked: str) -> None:
    """And what is below them, and what everybody has; nothing else, for the house and for things of the tenant."""
    expected = any(covers(granted, asked) for granted in (*SEEDS[role], "audit:read:own"))

    assert allowed(asking(role), asked) is expected
    assert allowed(asking(role), asked, Resource("thing", "1", tenant="acme")) is expected


def test_roles_and_permissions_add_up() -> None:
    """A caller has what any of the roles permits, and what a key or a token granted beside them."""
    both = asking("user", "analyst", permissions=("cost:read", "agent:"))

    assert all(allowed(both, each) for each in ("agent:read:own", "data:read", "cost:read", "cost:read:all"))
    assert not any(allowed(both, each) for each in ("cost", "agent:create", "agent"))


@settings(max_examples=300, deadline=None)
@given(
    st.frozensets(st.sampled_from([*SEEDS]), max_size=4),
    st.frozensets(PERMISSIONS, max_size=4),
    PERMISSIONS,
    st.builds(Resource, NAMES, NAMES, tenant=NAMES, owner=st.none() | NAMES, department=st.none() | NAMES),
    NAMES,
)
def test_no_caller_ever_reaches_another_tenants_things(
    roles: frozenset[str], permissions: frozenset[str], asked: str, resource: Resource, tenant: str
) -> None:
    """Whatever the roles, whatever was granted, whatever is asked, whoever owns it; admins of the house included."""
    caller = asking(*roles, permissions=tuple(permissions), tenant=tenant, attributes={"clearance_level": 9})

    decision = POLICY.decide(caller, asked, resource)

    assert not decision.allowed or resource.tenant == tenant
    assert resource.tenant == tenant or "other-tenant" in decision.rules


def test_no_file_lifts_the_wall_between_tenants() -> None:
    """A file that permits everything to everybody does so inside the tenant."""
    policy = policy_of('@id("open") permit (principal, action, resource);')

    assert allows(policy, asking(), "anything", ANNS)
    assert not allows(policy, asking(tenant="globex"), "anything", ANNS)
    assert not allows(policy, asking("admin"), "audit:read:house")


@pytest.mark.parametrize(
    ("caller", "expected"),
    [
        (asking("admin", tenant="default"), True),
        (asking("admin"), False),
        (asking("developer", tenant="default"), False),
        (asking(permissions=("*", "audit:read:house"), tenant="default"), False),
    ],
)
def test_what_reaches_over_the_house_is_for_its_operator(caller: Caller, *, expected: bool) -> None:
    """Only admins of the tenant `default`, whatever else was granted."""
    assert [allowed(caller, each) for each in ("audit:read:house", "security:keys:house")] == [expected] * 2


@pytest.mark.parametrize(
    ("caller", "asked", "thing", "expected"),
    [
        (asking("user"), "agent:read", ANNS, True),
        (asking("user"), "agent:read", BOBS, False),
        (asking("user"), "agent:read:own", ANNS, True),
        (asking("user"), "agent:read:own", BOBS, False),
        (asking("user"), "agent:read:own:name", BOBS, False),
        (asking("user"), "agent:read", ANNS._replace(owner=None), False),
        (asking("user"), "agent:delete", ANNS, False),
        (asking("user", user_id="bob"), "agent:read", ANNS, False),
        (asking("user", tenant="globex"), "agent:read", ANNS, False),
        (asking("user"), "agent:read", ANNS._replace(tenant=None), False),
        (asking("developer"), "agent:read:own", BOBS, True),
        (asking("admin"), "agent:read", BOBS, True),
        (asking(), "audit:read", ANNS, True),
        (asking(), "audit:read", BOBS, False),
        (asking(permissions=("notes:own",)), "notes:write", ANNS, True),
        (asking(permissions=("notes:own",)), "notes:write", BOBS, False),
    ],
)
def test_a_grant_of_ones_own_reaches_ones_own(caller: Caller, asked: str, thing: Resource, *, expected: bool) -> None:
    """`agent:read:own` is `agent:read` on what belongs to the caller, in the caller's tenant, and nothing else."""
    assert allowed(caller, asked, thing) is expected


ROWS = Resource("data", "rows", tenant="acme", department="sales")


@pytest.mark.parametrize(
    ("caller", "expected"),
    [
        (asking("analyst", attributes={"department": "sales"}), True),
        (asking("analyst", attributes={"department": "Sales"}), False),
        (asking("analyst", attributes={"department": "legal"}), False),
        (asking("analyst"), False),
        (asking("analyst", attributes={"department": 7}), False),
        (asking("analyst", attributes={"department": ["sales"]}), False),
        (asking("user", attributes={"department": "sales"}), False),
        (asking(permissions=("data",), attributes={"department": "legal"}), False),
        (asking("admin"), True),
        (asking("admin", "analyst", attributes={"department": "legal"}), True),
    ],
)
def test_data_of_a_department_is_for_that_department(caller: Caller, *, expected: bool) -> None:
    """Also for a permission granted by a key; not for admins. A department of the wrong type is none."""
    assert allowed(caller, "data:read", ROWS) is expected
    assert allowed(caller, "data:read", ROWS._replace(tenant="globex")) is False


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        *((2, True), (3, True), (2**63 - 1, True), (1, False), (0, False), (-5, False), (None, False)),
        *(("2", False), ("high", False), (True, False), (2.5, False), (2**63, False), (10**40, False), ([2], False)),
    ],
)
def test_advanced_agents_need_a_clearance_of_two(level: object, *, expected: bool) -> None:
    """Also for roles and keys that may execute any agent. What is no number is no clearance, and stops nothing else."""
    attributes: dict[str, Any] = {} if level is None else {"clearance_level": level}
    for caller in (
        asking("developer", attributes=attributes),
        asking("analyst", attributes=attributes),
        asking(permissions=("*",), attributes=attributes),
    ):
        assert allowed(caller, "agent:execute:advanced") is expected
        assert allowed(caller, "agent:execute:basic")
    assert not allowed(asking("user", attributes=attributes), "agent:execute:advanced")
    assert allowed(asking("admin", attributes=attributes), "agent:execute:advanced")


@pytest.mark.parametrize(
    ("caller", "asked", "thing", "expected"),
    [
        (asking("developer"), "agent:create", HOUSE, Decision(allowed=True, rules=("developer",))),
        (asking("user", "admin"), "agent:read", ANNS, Decision(allowed=True, rules=("admin", "user"))),
        (asking("user"), "agent:read", ANNS, Decision(allowed=True, rules=("user",), by_attributes=True)),
        (asking("user"), "agent:create", HOUSE, Decision(allowed=False)),
        (
            asking("developer"),
            "agent:execute:advanced",
            HOUSE,
            Decision(allowed=False, rules=("advanced-needs-clearance",), by_attributes=True),
        ),
        (CLEARED, "agent:execute:advanced", HOUSE, Decision(allowed=True, rules=("developer",), by_attributes=True)),
        (CLEARED, "agent:execute:basic", HOUSE, Decision(allowed=True, rules=("developer",))),
        (asking("admin"), "agent:execute:advanced", HOUSE, Decision(allowed=True, rules=("admin",))),
    ],
)
def test_a_decision_names_its_rules(caller: Caller, asked: str, thing: Resource, expected: Decision) -> None:
    """And says whether attributes, ownership too, or the role alone decided; a clearance did if it was needed."""
    assert POLICY.decide(caller, asked, thing) == expected


def test_mfa_is_an_attribute() -> None:
    """A policy can ask for more than one factor."""
    policy = policy_of('@id("a") permit (principal, action, resource) when { principal.mfa };')

    assert allows(policy, asking(factors=frozenset({"pwd", "mfa"})), "x")
    assert not allows(policy, asking(factors=frozenset({"pwd"})), "x")


def test_an_attribute_without_a_place_of_its_own_is_a_tag() -> None:
    """As text, whatever it was."""
    policy = policy_of(
        '@id("a") permit (principal, action, resource) when '
        '{ principal.hasTag("floor") && principal.getTag("floor") == "7" };'
    )
    assert allows(policy, asking(attributes={"floor": 7}), "x")
    assert not allows(policy, asking(attributes={"floor": 8}), "x")
    assert not allows(policy, asking(), "x")


def test_rules_may_name_one_user_and_one_thing() -> None:
    """A user of the same name in another tenant is another one, and so is a thing of another kind."""
    policy = policy_of(
        """
        @id("a") permit (principal == User::"acme/ann", action, resource == Resource::"agent/coder");
        @id("b") permit (principal, action, resource in Kind::"note")
        when { resource has owner && resource.owner == principal };
        @id("c") permit (principal, action, resource)
        when { resource has owner && resource.owner == User::"acme/zoe" };
        """
    )
    coder = Resource("agent", "coder", tenant="acme")
    assert allows(policy, asking(), "x", coder)
    assert not allows(policy, asking(user_id="bob"), "x", coder)
    assert not allows(policy, asking(), "x", coder._replace(id="writer"))
    assert not allows(policy, asking(), "x", coder._replace(kind="team"))
    assert not allows(policy, asking(tenant="globex"), "x", coder._replace(tenant="globex"))
    assert [allows(policy, asking(), "x", ANNS._replace(kind="note", owner=who)) for who in ("ann", "bob")] == [
        True,
        False,
    ]
    assert allows(policy, asking(), "x", ANNS._replace(owner="zoe"))
    assert not allows(policy, asking(), "x", ANNS._replace(owner="zoe", tenant=None))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from(ASKED)), max_size=12))
def test_a_remembered_decision_is_the_decision(questions: list[tuple[int, int, str]]) -> None:
    """In whatever order callers and things come, each gets the answer that a policy without memory gives."""
    callers = [
        asking("user"),
        asking("user", user_id="bob"),
        asking("user", tenant="globex"),
        asking("analyst", attributes={"department": "sales"}),
        asking("analyst", attributes={"department": "legal"}),
        asking("developer", attributes={"clearance_level": 1}),
        asking("developer", attributes={"clearance_level": True}),
        asking("developer", attributes={"clearance_level": 2}),
        asking(permissions=("agent",)),
        asking("admin", tenant="default"),
    ]
    things = [HOUSE, ANNS, BOBS, ROWS, *(ANNS._replace(tenant=each) for each in (None, "globex", "default"))]
    things += [ROWS._replace(department="legal"), ROWS._replace(owner="bob"), BOBS._replace(id="2")]
    for who, what, asked in [*questions, *questions]:
        assert POLICY.decide(callers[who], asked, things[what]) == CedarPolicy(POLICY.policies).decide(
            callers[who], asked, things[what]
        )


def test_another_user_does_not_get_the_answer_of_the_first() -> None:
    """Where a rule names a user, who asks is part of what is remembered; where none does, ownership is."""
    naming = policy_of('@id("a") permit (principal == User::"acme/ann", action, resource);')

    for policy in (naming, shipped()):
        assert allows(policy, asking("user"), "agent:read", ANNS)
        assert not allows(policy, asking("user", user_id="bob"), "agent:read", ANNS)
        assert not allows(policy, asking("user", tenant="globex"), "agent:read", ANNS)


def test_a_truth_value_is_not_remembered_as_the_number_it_equals() -> None:
    """In Python `True` is 1, and would find the decision made for a clearance of 1."""
    policy = policy_of(
        '@id("a") permit (principal, action, resource) when '
        "{ principal has clearance_level && principal.clearance_level >= 1 };"
    )
    assert allows(policy, asking(attributes={"clearance_level": 1}), "x")
    assert not allows(policy, asking(attributes={"clearance_level": True}), "x")


def test_new_policies_decide_from_the_next_question_on() -> None:
    """Nothing remembered outlives the policies it came from."""
    policy = shipped()
    assert not allows(policy, asking("user"), "agent:create")

    policy.replace(policies_of('@id("a") permit (principal in Role::"user", action, resource);'))

    assert allows(policy, asking("user"), "agent:create")
    assert not allows(policy, asking("admin"), "agent:create")
    assert policy.policies.roles == ("user",)


def test_ten_thousand_strangers_are_not_remembered() -> None:
    """What is kept is bounded, and equal callers share what is kept."""
    policy = shipped()
    for number in range(10_000):
        assert allows(policy, asking("user", user_id=f"u{number}"), "agent:read:own")
    assert remembered(policy) == 1
    for number in range(5_000):
        policy.decide(asking("user", tenant=f"t{number}"), "agent:read")
    assert remembered(policy) <= 4096


def remembered(policy: CedarPolicy) -> int:
    decided: Any = policy._current.decided
    kept: int = decided.cache_info().currsize
    return kept


def test_an_evaluation_that_fails_refuses() -> None:
    """Fails closed: Cedar skips a rule that fails, and a `forbid` that is skipped would permit."""
    policy = policy_of(
        """
        @id("all") permit (principal, action, resource);
        @id("sum") forbid (principal, action, resource)
        when { principal has clearance_level && principal.clearance_level + 1 == 0 };
        """
    )
    assert allows(policy, asking(attributes={"clearance_level": 1}), "x")
    with capture_logs() as logs:
        assert not allows(policy, asking(attributes={"clearance_level": 2**63 - 1}), "x")
    assert [(one["event"], one["permission"]) for one in logs] == [("policy_failed", "x")]
    assert "overflow" in logs[0]["problems"][0]


@pytest.mark.parametrize(
    "caller", [asking("admin", "\ud800"), asking("admin", permissions=("\ud800",)), asking("admin", tenant="\ud800")]
)
def test_a_name_that_is_not_unicode_refuses(caller: Caller) -> None:
    """Nothing that comes in a token can crash a decision, and nothing personal gets into the log."""
    with capture_logs() as logs:
        assert shipped().decide(caller, "agent:read") == Decision(allowed=False)
    assert [(one["event"], one["permission"], len(one["problems"])) for one in logs] == [
        ("policy_failed", "agent:read", 1)
    ]
    assert "\ud800" not in str(logs)


@settings(deadline=None)
@given(
    st.text(max_size=20),
    st.text(max_size=20),
    st.dictionaries(st.text(max_size=8), st.text(max_size=8) | st.integers()),
)
def test_no_name_or_attribute_crashes_a_decision(name: str, asked: str, attributes: dict[str, str | int]) -> None:
    """A stranger's words are compared and no more."""
    caller = asking(name, permissions=(name,), user_id=name, attributes=attributes)

    assert allowed(caller, asked) is (name != "" and covers(name, asked))
