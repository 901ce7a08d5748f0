"""How fast lanes come back."""

import pytest

from bullpen.pool.pace import Pace


def steady(pace: Pace, *, rate: float, seconds: float, since: float = 0.0) -> float:
    """Gives lanes back evenly; the moment after the last."""
    for number in range(1, round(rate * seconds) + 1):
        pace.give_back(since + number / rate)
    return since + seconds


@pytest.mark.parametrize("rate", [0.5, 4.0, 200.0])
def test_a_steady_pace_is_measured(rate: float) -> None:
    """From the beginning, not only after a window has passed."""
    pace = Pace(0.0, counts=True)
    for seconds in (20, 40, 60):
        pace = Pace(0.0, counts=True)
        assert pace.rate(steady(pace, rate=rate, seconds=seconds)) == pytest.approx(rate, rel=0.1)


def test_what_is_new_outweighs_what_is_old() -> None:
    """After three windows at another pace, the first is forgotten but for a twentieth."""
    pace = Pace(0.0, counts=True, window=10.0)
    now = steady(pace, rate=10.0, seconds=30)
    now = steady(pace, rate=1.0, seconds=30, since=now)
    assert pace.rate(now) == pytest.approx(1.0, abs=0.6)


def test_only_time_that_counts_is_in_it() -> None:
    """A pool that was idle between two crowds is as fast as it was in them."""
    pace = Pace(0.0, counts=True)
    now = steady(pace, rate=10.0, seconds=5)
    pace.pass_to(now, counts=False)
    pace.give_back(now + 5)
    pace.pass_to(now + 10, counts=True)
    assert pace.rate(steady(pace, rate=10.0, seconds=5, since=now + 10)) == pytest.approx(10.0, rel=0.05)


def test_a_pace_is_known_after_some_lanes_and_not_for_ever() -> None:
    """Nothing yet, too few, enough, and too long ago."""
    pace = Pace(0.0, counts=True)
    assert pace.rate(0.0) == 0
    assert pace.known(1.0) is None
    now = steady(pace, rate=1.0, seconds=4)
    assert pace.known(now) is None
    now = steady(pace, rate=1.0, seconds=16, since=now)
    assert pace.known(now) is not None
    assert pace.known(now + 300) is None


def test_a_pace_that_is_known_badly_is_taken_for_a_high_one() -> None:
    """By one part in the square root of what it was measured by: of a hundred lanes, a tenth."""
    pace = Pace(0.0, counts=True, window=1e6)
    now = steady(pace, rate=10.0, seconds=10)
    assert pace.known(now) == pytest.approx(11.0, rel=0.01)


def test_time_that_goes_back_changes_nothing() -> None:
    """A monotonic clock does not, and if it did nobody would be worse off."""
    pace = Pace(10.0, counts=True)
    pace.give_back(20.0)
    assert pace.rate(15.0) == pytest.approx(pace.rate(20.0))
