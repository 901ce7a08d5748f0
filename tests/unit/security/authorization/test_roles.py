"""The role table and its covering rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.caller import Caller
from bullpen.security.authorization.roles import EVERYBODY, ROLES, RoleTable, covers

WORDS = st.lists(st.sampled_from(["agent", "agents", "execute", "read", "own", "basic"]), min_size=1, max_size=4)
PERMISSIONS = WORDS.map(":".join)
TABLE = RoleTable()


def caller(*roles: str, permissions: frozenset[str] = frozenset()) -> Caller:
    return Caller(user_id="u", tenant="t", credential="jwt", roles=frozenset(roles), permissions=permissions)


@given(WORDS, WORDS)
def test_a_permission_covers_exactly_what_begins_with_its_words(granted: list[str], wanted: list[str]) -> None:
    """Word by word, never letter by letter."""
    assert covers(":".join(granted), ":".join(wanted)) == (wanted[: len(granted)] == granted)


@given(PERMISSIONS)
def test_covering_is_reflexive_and_the_star_covers_all(permission: str) -> None:
    """Everything covers itself; only `*` covers `*`."""
    assert covers(permission, permission)
    assert covers("*", permission)
    assert not covers(permission, "*")


@given(PERMISSIONS, PERMISSIONS, PERMISSIONS)
def test_covering_is_transitive(a: str, b: str, c: str) -> None:
    """What is below what is below is below."""
    assert not (covers(a, b) and covers(b, c)) or covers(a, c)


@given(PERMISSIONS, PERMISSIONS)
def test_two_that_cover_one_another_are_the_same(a: str, b: str) -> None:
    """There are no circles."""
    assert not (covers(a, b) and covers(b, a)) or a == b


@pytest.mark.parametrize("granted", ["", ":", "agent:", "agent:*", "Agent"])
def test_malformed_grants_cover_nothing_real(granted: str) -> None:
    """A typing mistake in a token or table grants nothing."""
    assert not covers(granted, "agent:execute")


@pytest.mark.parametrize(
    ("role", "allowed", "refused"),
    [
        ("admin", ["agent:create", "agent:execute", "anything:at:all"], []),
        ("developer", ["agent:create", "agent:execute", "agent:execute:basic", "agent:read:own"], ["data:read", "*"]),
        ("analyst", ["agent:execute", "agent:execute:basic", "agent:read", "data:read"], ["agent:create", "data"]),
        ("user", ["agent:execute:basic", "agent:read:own"], ["agent:execute", "agent:read", "data:read"]),
    ],
)
def test_the_four_roles_grant_what_they_are_known_for(role: str, allowed: list[str], refused: list[str]) -> None:
    """`user` runs basic agents only; the others run all."""
    assert [TABLE.allows(caller(role), permission) for permission in allowed] == [True] * len(allowed)
    assert [TABLE.allows(caller(role), permission) for permission in refused] == [False] * len(refused)


@pytest.mark.parametrize("roles", [(), ("nobody",), ("ADMIN",), ("*",)])
def test_an_unknown_role_grants_nothing(roles: tuple[str, ...]) -> None:
    """Only what everybody has is left."""
    assert TABLE.allows(caller(*roles), "audit:read:own")
    assert not TABLE.allows(caller(*roles), "audit:read")
    assert not TABLE.allows(caller(*roles), "agent:execute:basic")


def test_roles_and_permissions_add_up() -> None:
    """A caller has what any of the roles grants, and what was granted beside them."""
    both = caller("user", "analyst", permissions=frozenset({"cost:read"}))
    assert all(TABLE.allows(both, permission) for permission in ("agent:read:own", "data:read", "cost:read:all"))


@given(st.sets(st.sampled_from([*ROLES, "nobody"])), st.sets(PERMISSIONS), PERMISSIONS)
def test_a_remembered_decision_is_the_decision(roles: set[str], permissions: set[str], wanted: str) -> None:
    """Asked twice, or of another table, the answer is the one the rule gives."""
    who = caller(*roles, permissions=frozenset(permissions))
    granted = EVERYBODY.union(permissions, *(ROLES.get(role, ()) for role in roles))
    expected = any(covers(permission, wanted) for permission in granted)
    assert [TABLE.allows(who, wanted), TABLE.allows(who, wanted), RoleTable().allows(who, wanted)] == [expected] * 3


def test_a_table_of_ones_own_replaces_the_roles() -> None:
    """Two tables do not share decisions."""
    own = RoleTable({"user": ["agent"]}, everybody=[])
    assert own.allows(caller("user"), "agent:create")
    assert not own.allows(caller("admin"), "agent:create")
    assert not own.allows(caller("user"), "audit:read:own")
    assert TABLE.allows(caller("admin"), "agent:create")
