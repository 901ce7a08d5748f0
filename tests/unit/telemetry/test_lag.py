"""The measured lag of the event loop."""

import asyncio
import time

from bullpen.telemetry import LoopLag, Metrics
from tests.stubs.exposition import Exposition

BLOCKED = 0.2


async def measured(metrics: Metrics, *, count: int) -> Exposition:
    """The metrics once so many measurements were made."""
    while True:
        scrape = Exposition(metrics.render().decode())
        if scrape.value("bullpen_event_loop_lag_seconds_count") >= count:
            return scrape
        await asyncio.sleep(0.005)


async def test_a_blocking_call_shows() -> None:
    """What blocks the loop is measured in its full length (promise P07)."""
    metrics = Metrics()
    lag = LoopLag(metrics=metrics, interval=0.01)
    lag.start()
    await measured(metrics, count=1)
    before = (await measured(metrics, count=1)).value("bullpen_event_loop_lag_seconds_sum")
    time.sleep(BLOCKED)  # noqa: ASYNC251 - blocking the loop is what this test is about
    after = (await measured(metrics, count=3)).value("bullpen_event_loop_lag_seconds_sum")
    lag.stop()
    assert after - before >= BLOCKED - 0.05


async def test_stopped_it_measures_no_more() -> None:
    """After `stop` no timer is left behind."""
    metrics = Metrics()
    lag = LoopLag(metrics=metrics, interval=0.001)
    lag.start()
    lag.start()
    await measured(metrics, count=2)
    lag.stop()
    lag.stop()
    count = (await measured(metrics, count=2)).value("bullpen_event_loop_lag_seconds_count")
    await asyncio.sleep(0.02)
    assert (await measured(metrics, count=2)).value("bullpen_event_loop_lag_seconds_count") == count
