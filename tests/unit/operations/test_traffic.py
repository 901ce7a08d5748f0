"""How runs went lately."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.operations.traffic import Traffic
from tests.stubs.clock import StillClock


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def traffic(clock: StillClock) -> Traffic:
    return Traffic(clock=clock)


def test_nothing_yet(traffic: Traffic) -> None:
    """Without a run every figure is 0."""
    figures = traffic.figures()
    assert (figures.requests_per_minute, figures.mean_response, figures.p95_response) == (0, 0.0, 0.0)
    assert (figures.error_rate, figures.failed_last_hour) == (0.0, 0)


def test_what_is_told_of_a_few_runs(traffic: Traffic) -> None:
    """How many there were, how long they took and how many failed."""
    for duration, ok in ((1.0, True), (2.0, True), (3.0, False), (6.0, True)):
        traffic.observe(duration, ok=ok)
    figures = traffic.figures()
    assert (figures.requests_per_minute, figures.mean_response, figures.error_rate) == (4, 3.0, 0.25)
    assert figures.failed_last_hour == 1
    assert figures.p95_response == pytest.approx(6.0, rel=0.06)


def test_each_window_forgets(traffic: Traffic, clock: StillClock) -> None:
    """A minute for the rate, five for times and errors, an hour for failures."""
    traffic.observe(2.0, ok=False)
    clock.pass_time(61)
    figures = traffic.figures()
    assert (figures.requests_per_minute, figures.mean_response, figures.failed_last_hour) == (0, 2.0, 1)
    clock.pass_time(300)
    figures = traffic.figures()
    assert (figures.mean_response, figures.p95_response, figures.error_rate) == (0.0, 0.0, 0.0)
    assert figures.failed_last_hour == 1
    clock.pass_time(3600)
    assert traffic.figures().failed_last_hour == 0


def test_a_steady_rate_is_told_to_the_run(traffic: Traffic, clock: StillClock) -> None:
    """One run a second is 60 a minute, however long it goes on: old stretches of time are used again."""
    for _ in range(500):
        traffic.observe(0.1, ok=True)
        clock.pass_time(1)
    assert traffic.figures().requests_per_minute in {59, 60}


@given(durations=st.lists(st.floats(0.002, 3000), min_size=1, max_size=200))
def test_the_quantile_is_within_five_percent(durations: list[float]) -> None:
    """Of the shortest time within which 95 % of the runs ended, as the sketch's authors promise."""
    traffic = Traffic(clock=StillClock())
    for duration in durations:
        traffic.observe(duration, ok=True)
    exact = sorted(durations)[math.ceil(0.95 * len(durations)) - 1]
    assert traffic.figures().p95_response == pytest.approx(exact, rel=0.0501)


@pytest.mark.parametrize("duration", [0.0, -1.0, 1e9])
def test_no_duration_is_too_strange(traffic: Traffic, duration: float) -> None:
    """A clock that stood still, or a run that outlived everything, is counted and raises nothing."""
    traffic.observe(duration, ok=True)
    assert 0.0005 < traffic.figures().p95_response < 4000


def test_memory_is_bounded(traffic: Traffic, clock: StillClock) -> None:
    """However many different durations there are, a stretch of time keeps few buckets for them."""
    for number in range(20_000):
        traffic.observe(0.0001 * 1.001**number % 7200, ok=True)
    clock.pass_time(1)
    [busy] = [cell for cell in traffic._lately.last(clock.monotonic()) if cell.runs]
    assert len(busy.sketch) <= 153
