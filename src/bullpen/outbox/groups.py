"""Many who wait for a slow commit share one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Final, Generic, TypeVar

import structlog

from bullpen.errors import BullpenError, DependencyDown
from bullpen.telemetry import Metrics

__all__ = ["Groups"]

_T = TypeVar("_T")
_FAILED: Final = "What happened could not be recorded. Try again in a moment."
_log = structlog.get_logger("bullpen.outbox")


class Groups(Generic[_T]):
    """Commits, one at a time and in order, everything that came while the commit before was under way.

    Nobody waits longer than the rest of one commit and the whole of the next.
    """

    def __init__(self, commit: Callable[[Sequence[_T]], Awaitable[None]], *, metrics: Metrics, most: int = 500) -> None:
        """At most so many items are committed together; a commit that raises fails for each of them."""
        self._commit = commit
        self._seconds = metrics.audit_commit_seconds
        self._most = most
        self._waiting: list[tuple[_T, asyncio.Future[BaseException | None]]] = []
        self._wanted = asyncio.Event()
        self._open = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to commit."""
        self._open = True
        self._task = asyncio.create_task(self._run(), name="outbox-commit")

    async def join(self, item: _T) -> None:
        """Returns when the item is committed. Whoever is cancelled meanwhile takes nothing back.

        Raises:
            DependencyDown: It is not, or perhaps not.
        """
        if not self._open:
            raise DependencyDown("This process is stopping and records nothing more. Send the request again.")
        done: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        self._wanted.set()
        if failed := await done:
            raise DependencyDown(failed.detail if isinstance(failed, BullpenError) else _FAILED) from failed

    async def aclose(self) -> None:
        """Commits those who wait, takes no more, and stops."""
        self._open = False
        self._wanted.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while self._open or self._waiting:
            await self._wanted.wait()
            group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            if not self._waiting and self._open:
                self._wanted.clear()
            if group:
                failed = await self._one([item for item, _ in group])
                _tell([done for _, done in group], failed)

    async def _one(self, items: Sequence[_T]) -> BaseException | None:
        started = perf_counter()
        try:
            await self._commit(items)
        except DependencyDown as error:
            return error
        except (Exception, asyncio.CancelledError) as error:
            # A defect, or a library that gives up by cancelling, must not leave those who wait waiting.
            if self._task is not None and self._task.cancelling():
                raise
            _log.exception("outbox_commit_failed", items=len(items))
            return error
        finally:
            self._seconds.observe(perf_counter() - started)
        return None


def _tell(waiting: Sequence[asyncio.Future[BaseException | None]], failed: BaseException | None) -> None:
    for done in waiting:
        if not done.done():
            done.set_result(failed)
