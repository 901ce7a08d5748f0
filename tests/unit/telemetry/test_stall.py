"""Who holds up the event loop."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from bullpen.telemetry import LoopLag, Metrics, StallWatch
from tests.stubs.exposition import Exposition

AFTER = 0.2
SECRET = "hunter2"

Lines = list[MutableMapping[str, Any]]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def watch(metrics: Metrics) -> AsyncIterator[StallWatch]:
    """A watch over a loop that ticks."""
    lag = LoopLag(metrics=metrics, interval=0.005)
    lag.start()
    watch = StallWatch(lag=lag, metrics=metrics, after=AFTER, every=0.01)
    watch.start()
    yield watch
    watch.stop()
    lag.stop()


def events(lines: Lines) -> list[str]:
    return [line["event"] for line in lines]


def block_the_loop(until: Callable[[], bool], password: str) -> str:
    """Gives way to nobody; ten seconds at most."""
    end = time.monotonic() + 10
    while not until() and time.monotonic() < end:
        time.sleep(0.005)
    return password


def told(lines: Lines) -> Lines:
    """The stalls that were put down to it; a busy machine may cause others."""
    stalls = [line for line in lines if line["event"] == "loop_stalled"]
    return [line for line in stalls if any(place.endswith(" block_the_loop") for place in line["stack"])]


async def over(lines: Lines) -> None:
    while True:
        await asyncio.sleep(0.005)
        if events(lines)[-1:] == ["loop_runs_again"]:
            return


async def test_the_code_that_stops_the_loop_is_named(watch: StallWatch, metrics: Metrics) -> None:
    """Innermost first, as file, line and function, while it still blocks; once, with its length when it is over."""
    with capture_logs() as lines:
        block_the_loop(lambda: bool(told(lines)), SECRET)
        time.sleep(2 * AFTER)  # noqa: ASYNC251 -- the stall goes on, and must not be told again
        await over(lines)
    (stall,) = told(lines)
    functions = [place.rpartition(" ")[2] for place in stall["stack"]]
    blocking = functions.index("block_the_loop")
    assert blocking < functions.index("test_the_code_that_stops_the_loop_is_named")
    assert stall["stack"][blocking].startswith(f"{__file__}:")
    end = lines[lines.index(stall) + 1]
    assert end["event"] == "loop_runs_again"
    assert end["seconds"] >= stall["seconds"] > AFTER
    assert Exposition(metrics.render().decode()).value("bullpen_loop_stalls_total") >= 1


async def test_no_value_is_told(watch: StallWatch) -> None:
    """Arguments, variables and the text of the source stay inside: any of them may be a credential."""
    with capture_logs() as lines:
        block_the_loop(lambda: bool(told(lines)), SECRET)
        await over(lines)
    assert SECRET not in str(lines)
    assert "password" not in str(lines)


async def test_each_stall_is_told(watch: StallWatch, metrics: Metrics) -> None:
    """The second one as well, once the loop has run in between."""
    with capture_logs() as lines:
        for times in (1, 2):
            block_the_loop(lambda: len(told(lines)) >= times, SECRET)  # noqa: B023 -- asked before the next turn
            await asyncio.sleep(AFTER)
    assert len(told(lines)) == 2
    stalls = events(lines).count("loop_stalled")
    assert Exposition(metrics.render().decode()).value("bullpen_loop_stalls_total") == stalls


async def test_a_loop_that_runs_is_left_in_peace(metrics: Metrics) -> None:
    """Nothing is logged and nothing counted, though it is looked at again and again."""
    lag = LoopLag(metrics=metrics, interval=0.005)
    watch = StallWatch(lag=lag, metrics=metrics, after=30, every=0.005)
    lag.start()
    with capture_logs() as lines:
        watch.start()
        await asyncio.sleep(0.1)
        watch.stop()
    lag.stop()
    assert lines == []


async def test_stopped_it_leaves_no_thread(watch: StallWatch) -> None:
    """A server that stops waits for nothing of it; twice is once."""
    assert "loop-watch" in names()
    watch.stop()
    watch.stop()
    assert "loop-watch" not in names()


def names() -> set[str]:
    return {each.name for each in threading.enumerate()}
