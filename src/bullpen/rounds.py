"""What is done again and again in the background, until it is closed."""

import asyncio
from collections.abc import Callable
from inspect import isawaitable

import structlog

from bullpen.errors import DependencyDown

__all__ = ["Rounds"]

_log = structlog.get_logger("bullpen.rounds")


class Rounds:
    """Does the work, then waits, and so on.

    Failure mode: nothing the work raises ends it. `DependencyDown` is the store's to tell of; anything else is a
    defect, and logged with its traceback.
    """

    def __init__(self, work: Callable[[], object], *, every: float, name: str) -> None:
        """Begins with `start`.

        Args:
            work: What is done; awaited where that is to be.
            every: Pause before each time, seconds.
            name: Of the task, and in the log.
        """
        self._work = work
        self._every = every
        self._name = name
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins, with a pause."""
        self._task = asyncio.create_task(self._go(), name=self._name)

    def wake(self) -> None:
        """Ends the pause, or does without the next one."""
        self._woken.set()

    async def aclose(self) -> None:
        """Stops; work that is being done is cancelled."""
        if self._task is None:
            return
        # Again and again: a library on the way down may swallow a cancellation.
        while not self._task.done():
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=1)

    async def _go(self) -> None:
        while True:
            await self._pause()
            try:
                done = self._work()
                if isawaitable(done):
                    await done
            except DependencyDown:
                _log.debug("round_failed", round=self._name, exc_info=True)
            except Exception:  # noqa: BLE001 -- a defect met once must not end what a process relies on for weeks
                _log.exception("round_failed", round=self._name)

    async def _pause(self) -> None:
        # Not `wait_for`, which may swallow a cancellation on Python 3.11.
        waiting = asyncio.ensure_future(self._woken.wait())
        try:
            await asyncio.wait((waiting,), timeout=self._every)
        finally:
            waiting.cancel()
        self._woken.clear()
