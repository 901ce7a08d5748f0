"""One bound after another on what one call waits for, for the price of one timer."""

import asyncio
from types import TracebackType
from typing import Self

__all__ = ["Watch"]


class Watch:
    """`asyncio.timeout_at`, used again and again.

        with watch.until(when):
            piece = await ...

    To start and stop a timer around every piece of a stream costs more than the piece. So the timer is left running
    between them, and when it goes off it looks whether its time has come, or was put off. An end that comes nearer is
    the only thing that starts it anew.

    Like `asyncio.timeout_at` it cancels the task, and makes `TimeoutError` of that cancellation alone: one by anybody
    else passes through, also when it came at the same time. One block at a time; each may be another task's.

    Attributes:
        expired: The last block was not over in time.
    """

    __slots__ = ("_cancelling", "_due", "_loop", "_task", "_timer", "_until", "expired")

    def __init__(self) -> None:
        """Begins nothing yet; an event loop must run."""
        self.expired = False
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.Handle | None = None
        self._cancelling = 0
        self._due = self._until = 0.0

    def until(self, when: float) -> Self:
        """Sets the end of the next block, on the event loop's clock."""
        self._until = when
        return self

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("only a task can be cancelled, and nothing else bounded")
        self.expired = False
        self._task, self._cancelling = task, task.cancelling()
        if self._timer is None or self._until < self._due:
            self._start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        task, self._task = self._task, None
        if not self.expired or task is None:
            return
        if task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def stop(self) -> None:
        """Stops the timer; to be called once nothing is waited for any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self) -> None:
        self.stop()
        self._due = self._until
        self._timer = self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._task is None or self.expired:
            return
        if self._loop.time() < self._until:
            self._start()
            return
        self.expired = True
        self._task.cancel()
