"""Guessing is slowed, and nobody else is."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.security.authentication.guesses import Guesses
from tests.stubs.clock import StillClock

HOME, CAFE = "192.0.2.7", "198.51.100.9"
NAMES = st.sampled_from(["k1", "k2", "k3", ""])
MOST, PER, LONGEST = 10, 60.0, 300.0


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def guesses(clock: StillClock) -> Guesses:
    return Guesses(most=MOST, per=PER, longest=LONGEST, clock=clock)


def fail(guesses: Guesses, address: str, credential: str, times: int = 1) -> list[float]:
    return [guesses.failed(address, credential) for _ in range(times)]


@pytest.mark.parametrize("credential", ["k1", ""])
def test_ten_failures_are_allowed_and_the_eleventh_waits(guesses: Guesses, clock: StillClock, credential: str) -> None:
    """And the wait is over when it is over."""
    assert fail(guesses, HOME, credential, MOST) == [0.0] * MOST
    assert guesses.blocked(HOME, credential) == 0
    assert guesses.failed(HOME, credential) == 6
    assert guesses.blocked(HOME, credential) == 6
    clock.pass_time(5)
    assert 0 < guesses.blocked(HOME, credential) <= 1
    clock.pass_time(1.001)
    assert guesses.blocked(HOME, credential) == 0


def test_the_wait_doubles_up_to_the_longest(guesses: Guesses, clock: StillClock) -> None:
    """Who goes on as soon as it may waits 6, 12, 24 … seconds, and in the end the longest, each time."""
    fail(guesses, HOME, "k1", MOST)
    waits = []
    for _ in range(9):
        waits.append(round(guesses.failed(HOME, "k1")))
        clock.pass_time(waits[-1])
    assert waits[:5] == [6, 12, 24, 48, 96]
    assert waits[-2:] == [LONGEST, LONGEST]


def test_who_has_been_quiet_begins_anew(guesses: Guesses, clock: StillClock) -> None:
    """All is forgiven, and nothing of it kept."""
    fail(guesses, HOME, "k1", MOST + 1)
    clock.pass_time(6 + LONGEST + 1)
    assert fail(guesses, HOME, "k1", MOST) == [0.0] * MOST
    clock.pass_time(2 * LONGEST)
    fail(guesses, CAFE, "k2")
    assert len(guesses) == 3


def test_many_keys_from_one_address_are_guessing_too(guesses: Guesses) -> None:
    """The address waits, with a key nobody has tried as well, but not with one that was right; others do not."""
    guesses.succeeded(HOME, "honest")
    for number in range(MOST + 1):
        guesses.failed(HOME, f"k{number}")
    assert guesses.blocked(HOME, "fresh") == 6
    assert guesses.blocked(HOME, "honest") == 0
    assert guesses.blocked(CAFE, "k0") == 0


def test_one_broken_client_does_not_shut_its_neighbours_out(guesses: Guesses) -> None:
    """The same wrong key again and again waits by itself: it is one key, however often it fails."""
    fail(guesses, HOME, "expired", 1000)
    assert guesses.blocked(HOME, "expired") > 0
    assert guesses.blocked(HOME, "fresh") == 0


@given(st.lists(st.tuples(NAMES, st.floats(0, 20)), max_size=60))
def test_neighbours_of_a_guesser_are_let_in(failures: list[tuple[str, float]]) -> None:
    """A key that has been right from the address before waits for its own failures only."""
    clock = StillClock()
    guesses = Guesses(clock=clock)
    guesses.succeeded(HOME, "honest")
    for name, pause in failures:
        guesses.failed(HOME, name)
        clock.pass_time(pause)
        assert guesses.blocked(HOME, "honest") == 0


@given(st.lists(st.tuples(st.integers(0, 40), st.floats(0, 5)), max_size=80))
def test_an_owner_is_never_locked_out_from_afar(failures: list[tuple[int, float]]) -> None:
    """However many addresses fail at a key, it opens from one that has not."""
    clock = StillClock()
    guesses = Guesses(clock=clock)
    for number, pause in failures:
        guesses.failed(f"203.0.113.{number}", "k1")
        clock.pass_time(pause)
        assert guesses.blocked(HOME, "k1") == 0


def test_many_addresses_at_one_key_are_slowed_together(guesses: Guesses) -> None:
    """Beyond the allowance each has one try, and then waits though it has hardly failed. The owner's never does."""
    guesses.failed(HOME, "another")
    waits = [guesses.failed(f"203.0.113.{number}", "k1") for number in range(MOST + 3)]
    assert waits == [*[0.0] * MOST, 6, 12, 24]
    assert guesses.blocked("203.0.113.0", "k1") == 24
    assert guesses.blocked("203.0.113.0", "k2") == 0
    assert [guesses.blocked(CAFE, "k1"), guesses.blocked(HOME, "k1")] == [0, 0]


def test_a_key_of_ones_own_buys_no_more_tries(guesses: Guesses) -> None:
    """Right answers between the wrong ones change nothing."""
    waits = []
    for number in range(MOST + 1):
        waits.append(guesses.failed(HOME, f"k{number}"))
        guesses.succeeded(HOME, "own")
    assert waits[-1] == 6


def test_guessing_at_a_key_does_not_shut_its_owner_out(guesses: Guesses) -> None:
    """Not even from the same address, as behind one router: the right credential never waits, and wrong ones do."""
    guesses.succeeded(HOME, "bp_k1_right")
    assert fail(guesses, HOME, "bp_k1_wrong", MOST + 1)[-1] == 6
    assert guesses.blocked(HOME, "bp_k1_other") == 6
    assert guesses.blocked(HOME, "bp_k1_right") == 0


def test_a_credential_that_is_right_no_more_is_as_any_other(guesses: Guesses) -> None:
    """One that was revoked, and is shown on and on, waits in the end."""
    guesses.succeeded(HOME, "bp_k1_right")
    assert fail(guesses, HOME, "bp_k1_right", MOST + 1)[-1] == 6
    assert guesses.blocked(HOME, "bp_k1_right") == 6


@given(st.lists(st.tuples(NAMES, st.floats(0, 100)), max_size=200))
def test_no_schedule_gets_more_guesses_than_the_rate(attempts: list[tuple[str, float]]) -> None:
    """At one key, at most the allowance and one more each interval are looked at, in any stretch of time."""
    clock = StillClock()
    guesses = Guesses(most=MOST, per=PER, longest=LONGEST, clock=clock)
    looked_at: dict[str, list[float]] = {}
    for name, pause in attempts:
        if not guesses.blocked(HOME, name):
            guesses.failed(HOME, name)
            looked_at.setdefault(name, []).append(clock.now())
        clock.pass_time(pause)
    for times in looked_at.values():
        for first, begin in enumerate(times):
            for last in range(first, len(times)):
                assert last - first + 1 <= MOST + 1 + (times[last] - begin) * MOST / PER + 1e-6


@pytest.mark.parametrize("many_keys", [False, True])
def test_a_day_of_guessing_is_a_few_hundred_guesses(guesses: Guesses, clock: StillClock, many_keys: bool) -> None:
    """Whoever never stops is looked at once in `longest`, and a few times more at the beginning."""
    end, looked_at = clock.now() + 86_400, 0
    while clock.now() < end:
        key = f"k{looked_at}" if many_keys else "k1"
        wait = guesses.blocked(HOME, key)
        clock.pass_time(wait + 0.01)
        if not wait:
            guesses.failed(HOME, key)
            looked_at += 1
    assert looked_at <= MOST + math.log2(LONGEST * MOST / PER) + 2 + 86_400 / LONGEST


def test_memory_has_a_bound() -> None:
    """Ten thousand addresses with keys of any length leave no more than the slots behind."""
    guesses = Guesses(slots=100, clock=StillClock())
    for number in range(10_000):
        guesses.failed(f"10.0.{number // 256}.{number % 256}", f"{number}" * 1000)
        guesses.succeeded(f"10.0.{number // 256}.{number % 256}", f"k{number}")
    assert len(guesses) == 200
