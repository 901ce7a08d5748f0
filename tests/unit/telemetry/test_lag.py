"""The measured lag of the event loop."""

import asyncio

import pytest

from bullpen.telemetry import Lateness, LoopLag, Metrics
from tests.stubs.clock import StillClock
from tests.stubs.exposition import Exposition

INTERVAL = 0.001
BLOCKED = 0.2


async def measured(metrics: Metrics, *, count: int) -> Exposition:
    """The metrics once so many measurements were made."""
    while True:
        scrape = Exposition(metrics.render().decode())
        if scrape.value("bullpen_event_loop_lag_seconds_count") >= count:
            return scrape
        await asyncio.sleep(0.005)


async def test_a_blocking_call_shows() -> None:
    """A timer that fires late is measured by all of its lateness, and by nothing else (promise P07)."""
    metrics, clock = Metrics(), StillClock(0)
    lag = LoopLag(metrics=metrics, interval=INTERVAL, clock=clock)
    lag.start()
    clock.pass_time(INTERVAL + BLOCKED)
    first = await measured(metrics, count=1)
    after = await measured(metrics, count=3)
    lag.stop()
    assert first.value("bullpen_event_loop_lag_seconds_sum") == pytest.approx(BLOCKED)
    assert after.value("bullpen_event_loop_lag_seconds_sum") == pytest.approx(BLOCKED)


async def test_stopped_it_measures_no_more() -> None:
    """After `stop` no timer is left behind: one that is set later fires, and nothing was measured before it."""
    metrics = Metrics()
    lag = LoopLag(metrics=metrics, interval=INTERVAL)
    lag.start()
    lag.start()
    await measured(metrics, count=2)
    lag.stop()
    lag.stop()
    count = (await measured(metrics, count=2)).value("bullpen_event_loop_lag_seconds_count")
    await asyncio.sleep(3 * INTERVAL)
    assert (await measured(metrics, count=2)).value("bullpen_event_loop_lag_seconds_count") == count


async def test_the_last_minute_is_told() -> None:
    """The worst of it, and what all but one of a hundred stay under; what is older is forgotten."""
    metrics, clock = Metrics(), StillClock(0)
    lag = LoopLag(metrics=metrics, interval=INTERVAL, window=1.0, clock=clock)
    assert lag.recent() == Lateness(window=1.0, longest=0.0, p99=0.0)
    lag.start()
    clock.pass_time(INTERVAL + BLOCKED)
    await measured(metrics, count=150)
    lag.stop()
    recent = lag.recent()
    assert recent.longest == pytest.approx(BLOCKED)
    assert recent.p99 == 0.0
    clock.pass_time(1.5)
    assert lag.recent().longest == 0.0


async def test_the_beat_is_when_the_loop_came_round() -> None:
    """Other threads see by it that the loop runs."""
    metrics, clock = Metrics(), StillClock(0)
    lag = LoopLag(metrics=metrics, interval=INTERVAL, clock=clock)
    lag.start()
    clock.pass_time(7)
    assert lag.beat == 0
    await measured(metrics, count=1)
    lag.stop()
    assert lag.beat == 7
