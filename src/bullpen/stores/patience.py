"""A wait with an end, whatever the one who is waited for does about it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

__all__ = ["within"]

_given_up: Final[set[asyncio.Task[None]]] = set()
"""The loop holds tasks weakly; here they stay until they have ended."""


async def within(seconds: float, work: Coroutine[Any, Any, None]) -> None:
    """Waits for the work, and gives it up when it takes longer.

    Unlike `asyncio.timeout`, this returns in time even when the work does not end at once on being cancelled: a driver
    that tells a silent server of it may take several seconds more. It takes them unobserved.

    Raises:
        TimeoutError: The work took longer.
    """
    task = asyncio.create_task(work)
    _given_up.add(task)
    task.add_done_callback(_forget)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    finally:
        task.cancel()
    if not done:
        raise TimeoutError
    await task


def _forget(task: asyncio.Task[None]) -> None:
    _given_up.discard(task)
    if not task.cancelled():
        task.exception()  # looked at, so that asyncio does not report one that nobody waits for
