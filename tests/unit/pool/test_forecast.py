"""What those who come may expect."""

import pytest

from bullpen.pool.forecast import Forecast


def busy(*, rate: float, seconds: float = 60.0, held: float = 1.0) -> Forecast:
    """A pool whose queue was never empty."""
    forecast = Forecast(["a", "b"], now=0.0)
    forecast.want("a", 0.0, whole=True, own=False)
    for number in range(1, round(rate * seconds) + 1):
        forecast.give_back("a", number / rate, held=held)
    return forecast


def test_nothing_is_foretold_before_anything_came_back() -> None:
    """Whoever comes first is let in, whatever stands before it."""
    forecast = Forecast(["a"], now=0.0)
    assert forecast.wait("a", 0.0, ahead=1000, ahead_of_type=1000) == 0


def test_lanes_that_nobody_waited_for_foretell_nothing() -> None:
    """One request a second is what was asked, not what the lanes can do."""
    forecast = Forecast(["a"], now=0.0)
    for second in range(60):
        forecast.give_back("a", float(second), held=0.1)
    assert forecast.wait("a", 60.0, ahead=1000, ahead_of_type=0) == 0
    assert forecast.pace.rate(60.0) == pytest.approx(1.0, rel=0.1)


def test_the_wait_is_those_before_by_the_pace() -> None:
    """A hundred before, ten a second: ten seconds, or a little less."""
    assert busy(rate=10.0).wait("a", 60.0, ahead=100, ahead_of_type=0) == pytest.approx(10.0, rel=0.1)


def test_who_is_first_is_never_told_to_wait() -> None:
    """One run may be about to end, however slow they are."""
    assert busy(rate=0.2).wait("a", 60.0, ahead=0, ahead_of_type=0) == 0


def test_a_free_lane_ends_the_measuring() -> None:
    """What comes back from then on says nothing about what the lanes can do."""
    forecast = busy(rate=10.0)
    forecast.ease(60.0)
    forecast.give_back("a", 600.0, held=1.0)
    assert forecast.wait("a", 600.0, ahead=100, ahead_of_type=0) == 0


def test_a_type_has_a_pace_of_its_own() -> None:
    """The longer of both waits holds."""
    forecast = busy(rate=10.0)
    forecast.want("b", 60.0, whole=True, own=True)
    for second in range(60, 90):
        forecast.give_back("b", float(second), held=1.0)
    assert forecast.wait("b", 90.0, ahead=1, ahead_of_type=20) == pytest.approx(17, rel=0.1)
    assert forecast.wait("a", 90.0, ahead=1, ahead_of_type=20) < 1


def test_a_run_needs_some_of_the_time_that_is_left() -> None:
    """As long as runs took lately, at most half: nobody is refused for runs that took longer."""
    forecast = busy(rate=1.0, held=4.0)
    assert forecast.patience("a", 30.0) == pytest.approx(26.0)
    assert forecast.patience("a", 5.0) == pytest.approx(2.5)
    assert forecast.patience("b", 5.0) == pytest.approx(5.0)


@pytest.mark.parametrize(("ahead", "of_type", "seconds"), [(0, 0, 1), (99, 0, 10), (999, 0, 95), (0, 5, 3)])
def test_when_to_come_back(ahead: float, of_type: float, seconds: int) -> None:
    """Whole seconds, at least one: those before and oneself, at the pace of the queue or, if slower, of the type.

    No pace of the type is known: two lanes of it with runs of a second would serve two a second.
    """
    forecast = busy(rate=10.0)
    after = forecast.retry_after("a", 60.0, ahead=ahead, ahead_of_type=of_type, lanes=10, lanes_of_type=2)
    assert after == seconds


def test_with_nothing_known_it_is_worth_coming_back_soon() -> None:
    """One second."""
    forecast = Forecast(["a"], now=0.0)
    assert forecast.retry_after("a", 0.0, ahead=500, ahead_of_type=0, lanes=1, lanes_of_type=1) == 1
