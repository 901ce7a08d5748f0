"""A file of the operator's, read again when it changes."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from bullpen.errors import Misconfigured
from bullpen.rounds import Rounds
from bullpen.telemetry import Metrics

__all__ = ["FileWatch"]

_T = TypeVar("_T")
_log = structlog.get_logger("bullpen.files")


class FileWatch(Generic[_T]):
    """Looks at a file every few seconds, which also works where it is mounted and no change is announced.

    Failure mode: what was read last stands. A file that is wrong, or gone, is told once a change: in the log, by the
    metric `config_broken`, and to `rejected`.
    """

    def __init__(
        self,
        path: Path,
        *,
        read: Callable[[Path], _T],
        changed: Callable[[_T], None],
        metrics: Metrics,
        rejected: Callable[[Sequence[str]], None] | None = None,
        label: str | None = None,
        every: float = 2.0,
    ) -> None:
        """Hands what `read` makes of the file to `changed`.

        Args:
            path: The file; its name is a label of the metrics, so it must be one of few.
            read: Raises `Misconfigured` when the file is wrong.
            changed: Takes what was read.
            metrics: Where reloads are counted.
            rejected: Hears what is wrong with a file that was not taken.
            label: Stands in the metrics for the file's name, where that may not be the only one of its kind.
            every: Pause between two looks, seconds.
        """
        self._path = path
        self._read = read
        self._changed = changed
        self._rejected = rejected
        self._reloads = metrics.config_reloads_total
        self._label = label or path.name
        self._broken = metrics.config_broken.labels(self._label)
        self._broken.set(0)
        self._seen = self._stamp()
        self._rounds = Rounds(self.look, every=every, name=f"watch-{path.name}")

    def look(self) -> bool:
        """Reads the file if it is not the one seen last, and says whether what it holds was taken."""
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        self._seen = stamp
        try:
            found = self._read(self._path)
        except Misconfigured as error:
            self._refuse(error.problems)
            return False
        self._changed(found)
        self._broken.set(0)
        self._reloads.labels(self._label, "success").inc()
        _log.info("file_reloaded", file=str(self._path))
        return True

    def start(self) -> None:
        """Goes on looking in the background."""
        self._rounds.start()

    async def aclose(self) -> None:
        """Stops looking."""
        await self._rounds.aclose()

    def _refuse(self, problems: Sequence[str]) -> None:
        remedy = "Mend the file; what it said before still holds."
        _log.error("file_not_reloaded", file=str(self._path), problems=problems, remedy=remedy)
        self._broken.set(1)
        self._reloads.labels(self._label, "error").inc()
        if self._rejected is not None:
            self._rejected(problems)

    def _stamp(self) -> tuple[int, int, int] | None:
        """Changes with the file, also when another one is put in its place."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
