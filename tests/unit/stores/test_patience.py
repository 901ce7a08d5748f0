"""A wait that can be left."""

import asyncio
import gc

import pytest

from bullpen.stores.patience import leavable


class Stubborn:
    """Work that does not end when it is cancelled, but when it is told to."""

    def __init__(self) -> None:
        self.cancelled = asyncio.Event()
        self.released = asyncio.Event()
        self.ended = asyncio.Event()

    async def work(self) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            await self.released.wait()
            self.ended.set()
            raise OSError from None


async def test_work_is_waited_for() -> None:
    """What it raises comes through."""
    await leavable(asyncio.sleep(0))

    async def fails() -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await leavable(fails())


async def test_work_that_ignores_its_cancellation_is_not_waited_for() -> None:
    """The wait ends; the work is cancelled, kept until it ends, and its own failure is nobody's."""
    stubborn, told = Stubborn(), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await leavable(stubborn.work())
    await asyncio.wait_for(stubborn.cancelled.wait(), 5)
    gc.collect()
    stubborn.released.set()
    await asyncio.wait_for(stubborn.ended.wait(), 5)
    await asyncio.sleep(0)
    gc.collect()
    assert told == []


async def test_whoever_gives_up_waiting_ends_the_work() -> None:
    """A cancelled caller leaves nothing running."""
    stubborn = Stubborn()
    stubborn.released.set()
    waiting = asyncio.create_task(leavable(stubborn.work()))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(stubborn.ended.wait(), 5)
