"""Questions to a server that are waited for no longer than one likes, whatever its client does about that."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, Final, TypeVar

__all__ = ["Questions", "answered"]

_T = TypeVar("_T")

_TURNS: Final = 10
_LAST_TURN: Final = 0.2  # seconds


class Questions:
    """Those that are under way.

    Each is a task, for one that has just written to a socket may not heed being cancelled: `asyncio.wait_for`, which
    redis-py uses, swallows a cancellation that meets its result (https://github.com/python/cpython/issues/81839, mended
    in Python 3.12).
    """

    def __init__(self) -> None:
        self._asked: set[asyncio.Task[Any]] = set()

    def ask(self, question: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """Begins one, in a context of its own: it is of no request. Whoever does not want it any more cancels it."""
        asking = asyncio.create_task(question, context=Context())
        self._asked.add(asking)
        asking.add_done_callback(self._forget)
        return asking

    async def within(self, question: Coroutine[Any, Any, _T], *, seconds: float) -> _T:
        """Asks, and gives the answer or raises what the question does.

        Raises:
            TimeoutError: There was none in time.
        """
        asking = self.ask(question)
        try:
            if await answered(asking, within=seconds):
                return asking.result()
        finally:
            asking.cancel()
        raise TimeoutError

    async def aclose(self) -> None:
        """Ends what is still asked, so that nobody uses the client any more; waits two seconds for that at most.

        Again and again: the client may swallow a cancellation, and would connect anew after it was closed.
        """
        for _ in range(_TURNS):
            if not self._asked:
                return
            for each in self._asked:
                each.cancel()
            await asyncio.wait(tuple(self._asked), timeout=_LAST_TURN)

    def _forget(self, asked: asyncio.Task[Any]) -> None:
        self._asked.discard(asked)
        if not asked.cancelled():
            asked.exception()  # looked at, for nobody else may be there to do it


async def answered(asking: asyncio.Task[Any], *, within: float) -> bool:
    """Whether the task ends in `within` seconds; it is left running either way.

    The wait is in turns. While this process is busy, or is not given a processor, time passes that is not the server's:
    its answer may be there, and takes some turns of the loop to be read.
    """
    for _ in range(_TURNS):
        done, _ = await asyncio.wait((asking,), timeout=within / _TURNS)
        if done:
            return True
    return False
