"""The user's own Python, by name."""

import pytest

from bullpen.agents.sources import Source, Unimportable, load


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("tests.stubs.nowhere:agent", "cannot import `tests.stubs.nowhere`"),
        ("tests.stubs.own:plian", "Did you mean `plain`?"),
        ("tests.stubs.own:raises", "RuntimeError: no agent today"),
        ("tests.stubs.own:exits", "SystemExit: 3"),
        ("tests.stubs.own:gives_up", "is an `async def`"),
        ("tests.stubs.own:block", "made no Agno Agent"),
        ("tests.stubs.own:not_an_agent", "is not an Agno Agent"),
    ],
)
def test_a_reference_that_leads_nowhere_says_why(reference: str, expected: str, request: pytest.FixtureRequest) -> None:
    """Whatever the user's code raises is the answer, not a traceback."""
    from tests.stubs import own  # noqa: PLC0415 - its event is shared with other tests

    own.RELEASED.set()
    with pytest.raises(Unimportable) as raised:
        Source.load(reference)
    assert expected in str(raised.value)


def test_an_instance_is_always_the_same_and_a_function_makes_new_ones() -> None:
    """That is what tells them apart for isolation."""
    instance, factory = Source.load("tests.stubs.own:counting_instance"), Source.load("tests.stubs.own:plain")
    assert instance.make() is instance.make()
    assert factory.make() is not factory.make()
    assert (instance.is_factory, factory.is_factory) == (False, True)


def test_attributes_of_attributes_can_be_named() -> None:
    """`module:Class.attribute` is looked up step by step."""
    assert load("tests.stubs.own:Verdict.__name__") == "Verdict"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("by_name", "memory_manager.model cannot be guarded"),
        ("in_tuple", "['spare'][0] cannot be guarded"),
        ("slow_database", "asynchronous one, not SqliteDb"),
        ("hooked_tools", "its tool hooks are coroutine functions"),
    ],
)
def test_what_agno_would_accept_in_silence_is_a_problem(name: str, expected: str) -> None:
    """A call nobody bounds and pays for, or one agent that freezes all the others."""
    problems = list(Source.load(f"tests.stubs.own:{name}").problems(copied=False))
    assert [expected in problem for problem in problems] == [True]


def test_a_team_mode_may_be_a_plain_word() -> None:
    """So it stands in Agno's documentation, and Agno compares it by value."""
    assert list(Source.load("tests.stubs.own:worded_team").problems(copied=False)) == []
