"""A wait that can be left, whatever the one who is waited for does about it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

__all__ = ["leavable"]

_T = TypeVar("_T")

_given_up: Final[set[asyncio.Task[Any]]] = set()
"""The loop holds tasks weakly; here they stay until they have ended."""


async def leavable(work: Coroutine[Any, Any, _T]) -> _T:
    """Waits for the work; whoever is cancelled here is gone at once, and the work is cancelled.

    Awaited directly, work that does not end on being cancelled would hold whoever waits, and their `asyncio.timeout`
    with them: a driver that tells a silent server of it may take several seconds more. Here it takes them unobserved.
    """
    task = asyncio.create_task(work)
    _given_up.add(task)
    task.add_done_callback(_forget)
    try:
        await asyncio.wait((task,))
    finally:
        task.cancel()
    return await task


def _forget(task: asyncio.Task[Any]) -> None:
    _given_up.discard(task)
    if not task.cancelled():
        task.exception()  # looked at, so that asyncio does not report one that nobody waits for
