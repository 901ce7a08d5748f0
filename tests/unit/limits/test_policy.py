"""Which limits apply to whom."""

from hypothesis import given
from hypothesis import strategies as st

from bullpen.limits.gcra import MICROSECONDS
from bullpen.limits.policy import Policy, Subject
from bullpen.limits.rules import LEVELS, Level, Penalty, Rule, Rules

ADA = Subject("ada", "acme", "k1", "sales", "192.0.2.7", "/agent/execute", frozenset({"user"}))
ALL = Rules(levels={level: Rule(rate=60, tokens_per_minute=100, concurrent=2) for level in LEVELS})


def users(rate: int) -> dict[Level, Rule]:
    return {"user": Rule(rate=rate)}


def rates(rules: Rules, subject: Subject) -> dict[str, int]:
    return {bucket.name: bucket.limit.rate for bucket in Policy(rules).applying(subject).requests}


def test_a_caller_is_limited_at_every_level() -> None:
    """Requests, tokens and places, each level with its own name."""
    found = Policy(ALL).applying(ADA)
    assert [bucket.name for bucket in found.requests] == list(LEVELS)
    assert [bucket.name for bucket in found.tokens] == [f"{level}-tokens" for level in LEVELS]
    assert {bucket.unit for bucket in found.tokens} == {"tokens"}
    assert [cap.name for cap in found.caps] == [f"{level}-concurrent" for level in LEVELS]


def test_a_stranger_is_limited_by_address_alone() -> None:
    """What is shared is not a stranger's to spend."""
    assert rates(ALL, Subject(address="192.0.2.7", route="/agent/execute")) == {"address": 60}
    assert rates(ALL, Subject(route="/agent/execute")) == {}


def test_a_stranger_does_not_spend_what_those_who_are_known_have() -> None:
    """They may share an address, as behind one router, and none of them is to be locked out by somebody's flood."""
    (strangers,) = Policy(ALL).applying(Subject(address="192.0.2.7")).requests
    (known,) = (each for each in Policy(ALL).applying(ADA).requests if each.name == "address")
    assert strangers.limit == known.limit
    assert strangers.slot != known.slot


def test_a_level_without_owner_or_rule_has_no_bucket() -> None:
    """No key, no department: no limit on them. No rule: none either."""
    assert set(rates(ALL, Subject("ada", "acme"))) == {"user", "tenant", "global"}
    assert Policy(Rules()).applying(ADA) == ((), (), ())


def test_exceptions_are_found_in_their_order() -> None:
    """Tenant over everybody, role over tenant, route over role."""
    everybody = users(10)
    tenants, roles, routes = {"acme": users(20)}, {"user": users(30)}, {"/r": users(40)}
    assert rates(Rules(levels=everybody), ADA) == {"user": 10}
    assert rates(Rules(levels=everybody, tenants=tenants), ADA) == {"user": 20}
    assert rates(Rules(levels=everybody, tenants=tenants, roles=roles), ADA) == {"user": 30}
    whole = Rules(levels=everybody, tenants=tenants, roles=roles, routes=routes)
    assert rates(whole, ADA) == {"user": 30}
    assert rates(whole, ADA._replace(route="/r")) == {"user": 40}


def test_of_several_roles_the_most_generous_counts() -> None:
    """A role that says nothing about a level takes no part; `None` lifts it."""
    rules = Rules(
        levels={"user": Rule(rate=100)},
        roles={"slow": {"user": Rule(rate=5)}, "fast": {"user": Rule(rate=500)}, "free": {"user": None}, "mute": {}},
    )
    assert rates(rules, ADA._replace(roles=frozenset({"slow", "mute"}))) == {"user": 5}
    assert rates(rules, ADA._replace(roles=frozenset({"slow", "fast"}))) == {"user": 500}
    assert rates(rules, ADA._replace(roles=frozenset({"slow", "free"}))) == {}


def test_a_routes_exception_counts_apart() -> None:
    """The bucket of such a route is not the one of the other routes, even with the same numbers."""
    policy = Policy(Rules(levels=users(60), routes={"/agent/batch": users(60)}))
    slots = {policy.applying(ADA._replace(route=route)).requests[0].slot for route in ("/a", "/b", "/agent/batch")}
    assert len(slots) == 2
    poser = policy.applying(ADA._replace(user_id="ada@/agent/batch")).requests[0].slot
    assert poser not in slots


def test_a_penalty_is_a_matter_of_the_rules() -> None:
    """Off by default; an excess costs the limit's own period unless said otherwise; tokens have none."""
    assert {bucket.burst_block for bucket in Policy(ALL).applying(ADA).requests} == {0}
    rules = Rules(levels={"user": Rule(rate=60, per=90, tokens_per_minute=1)}, penalty=Penalty())
    (requests,), (tokens,), _ = Policy(rules).applying(ADA)
    assert (requests.burst_block, requests.excess_block) == (10 * MICROSECONDS, 90 * MICROSECONDS)
    assert (tokens.burst_block, tokens.excess_block) == (0, 0)


WORD = st.text(max_size=4, alphabet="a:1@")


@given(st.tuples(WORD, WORD), st.tuples(WORD, WORD))
def test_two_users_never_share_a_bucket(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Whatever letters their names and tenants are made of."""
    policy = Policy(Rules(levels={"user": Rule(rate=60)}))
    slots = [bucket.slot for user, tenant in (one, other) for bucket in policy.applying(Subject(user, tenant)).requests]
    assert one == other or len(set(slots)) == len(slots)
