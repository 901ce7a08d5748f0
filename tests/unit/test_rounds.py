"""Work that is done again and again."""

import asyncio

import pytest
from structlog.testing import capture_logs

from bullpen.errors import DependencyDown
from bullpen.rounds import Rounds


class Work:
    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)
        self.done = asyncio.Queue[int]()
        self._count = 0

    async def __call__(self) -> None:
        self._count += 1
        self.done.put_nowait(self._count)
        if self._failures:
            raise self._failures.pop(0)

    async def times(self, count: int) -> None:
        async with asyncio.timeout(10):
            while await self.done.get() < count:
                pass


@pytest.mark.parametrize("failure", [DependencyDown("away"), RuntimeError("a defect")])
async def test_nothing_the_work_raises_ends_it(failure: Exception) -> None:
    """It is done again after the pause; a defect is logged as one."""
    work = Work(failure)
    rounds = Rounds(work, every=0.001, name="work")
    with capture_logs() as logged:
        rounds.start()
        await work.times(3)
        await rounds.aclose()
    level = "debug" if isinstance(failure, DependencyDown) else "error"
    assert [(line["event"], line["log_level"]) for line in logged] == [("round_failed", level)]


async def test_it_can_be_woken() -> None:
    """Long before the pause is over."""
    work = Work()
    rounds = Rounds(work, every=3600.0, name="work")
    rounds.start()
    rounds.wake()
    await work.times(1)
    rounds.wake()
    await work.times(2)
    await rounds.aclose()


async def test_closing_ends_it() -> None:
    """Also before it has begun, and twice."""
    rounds = Rounds(Work(), every=3600.0, name="work")
    await rounds.aclose()
    rounds.start()
    await rounds.aclose()
    await rounds.aclose()
    assert [task for task in asyncio.all_tasks() if task.get_name() == "work"] == []


async def test_work_need_not_wait() -> None:
    """What is no coroutine is called, and that is all."""
    done = asyncio.Event()
    rounds = Rounds(done.set, every=0.001, name="work")
    rounds.start()
    async with asyncio.timeout(10):
        await done.wait()
    await rounds.aclose()
