"""A caller who hangs up stops the work done for them (P16)."""

import asyncio
from types import TracebackType
from typing import Self

from starlette.types import Receive

from bullpen.errors import Cancelled

__all__ = ["HangUp"]


class HangUp:
    """Cancels the block when the caller's connection closes, and raises `Cancelled` in its place.

    The body must have been read: whatever is received from then on is taken for the end of the connection.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._gone = False

    async def __aenter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 -- a coroutine always runs in one
        self._task = task
        self._watch = asyncio.create_task(self._until_gone())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._watch.cancel()
        # The watch knows us through its frame: forgotten, the two are freed at once and not left to the collector.
        del self._watch
        if self._gone and self._task.uncancel() == 0:
            raise Cancelled("The caller hung up, and the run was stopped.") from None

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._task.cancel()
