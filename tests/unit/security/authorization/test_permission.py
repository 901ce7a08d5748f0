"""Which permissions include which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.security.authorization.permission import covering, covers

WORDS = st.lists(st.sampled_from(["agent", "agents", "execute", "read", "own", "basic"]), min_size=1, max_size=4)
PERMISSIONS = WORDS.map(":".join)


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


@given(PERMISSIONS, PERMISSIONS)
def test_what_covers_is_among_the_covering(granted: str, wanted: str) -> None:
    """Both ways to ask agree where nobody owns the thing."""
    asked, above = covering(wanted)

    assert asked == wanted
    assert (granted in above) == covers(granted, wanted)


@given(PERMISSIONS)
def test_whose_own_a_thing_is_adds_only_grants_of_ones_own(wanted: str) -> None:
    """A grant that says `own` reaches the caller's things; every other grant reaches the same as before."""
    _, mine = covering(wanted, owned=True)
    _, nobodys = covering(wanted)

    assert mine - nobodys == {f"{each}:own" for each in nobodys - {"*"}} - nobodys


@given(PERMISSIONS)
def test_no_grant_of_ones_own_reaches_another_ones_things(wanted: str) -> None:
    """Not by asking for what is below it either."""
    asked, above = covering(wanted, owned=False)

    assert not any("own" in each.split(":")[1:] for each in {asked, *above})
    assert asked == wanted.partition(":own")[0] or "own" not in wanted.split(":")[1:]


def test_nothing_malformed_is_above_anything() -> None:
    """An empty grant, as a stray comma in a token makes, includes nothing."""
    assert covering(":read")[1] == {":read", "*"}
    assert covering("")[1] == {"*"}
