"""Hanging up: what is not needed any more is gone at once."""

import asyncio
import gc
import weakref

import pytest
from starlette.types import Message

from bullpen.api.hangup import HangUp
from bullpen.errors import Cancelled


async def silence() -> Message:
    """A caller who waits for the answer."""
    await asyncio.Event().wait()
    raise AssertionError


async def test_the_watch_leaves_no_cycle() -> None:
    """Without the collector, the watch over a caller is freed when its block has ended."""
    gc.disable()
    try:
        block = HangUp(silence)
        watched = weakref.ref(block)
        async with block:
            await asyncio.sleep(0)
        del block
        await asyncio.sleep(0)  # the watch's task ends in the loop's next turn
        await asyncio.sleep(0)
        assert watched() is None
    finally:
        gc.enable()


async def test_a_caller_who_leaves_ends_the_block() -> None:
    """The block is cancelled, and what comes out says why."""

    async def leave() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(Cancelled):
        async with HangUp(leave):
            await asyncio.Event().wait()


async def test_a_cancellation_from_elsewhere_stays_one() -> None:
    """Only the caller's leaving is told as such."""

    async def work() -> None:
        async with HangUp(silence):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
