"""The limits file, read again when it changes."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from bullpen.errors import Misconfigured
from bullpen.limits.rules import Rules

__all__ = ["RulesWatch"]

_log = structlog.get_logger()


class RulesWatch:
    """Looks at a file every few seconds, which also works where it is mounted and no change is announced.

    Failure mode: the last good rules stand. A file that is wrong, or gone, is told in the log once a change.
    """

    def __init__(
        self, path: Path, *, read: Callable[[Path], Rules], changed: Callable[[Rules], None], every: float = 2.0
    ) -> None:
        """Hands what `read` makes of the file to `changed`; `every` is in seconds."""
        self._path = path
        self._read = read
        self._changed = changed
        self._every = every
        self._seen = self._stamp()
        self._task: asyncio.Task[None] | None = None

    def look(self) -> bool:
        """Reads the file if it is not the one seen last, and says whether new rules hold."""
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        self._seen = stamp
        try:
            rules = self._read(self._path)
        except Misconfigured as error:
            _log.error("limits_not_reloaded", problems=error.problems, remedy="Mend the file; the old limits hold.")
            return False
        self._changed(rules)
        _log.info("limits_reloaded", file=str(self._path))
        return True

    def start(self) -> None:
        """Goes on looking in the background."""
        self._task = asyncio.create_task(self._keep_looking())

    async def aclose(self) -> None:
        """Stops looking."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            self.look()

    def _stamp(self) -> tuple[int, int, int] | None:
        """Changes with the file, also when another one is put in its place."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
