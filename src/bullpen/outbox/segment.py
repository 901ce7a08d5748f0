"""Where one process writes: numbered files in a folder of its own, the last of which grows."""

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Final, NamedTuple

from bullpen.errors import DependencyDown

__all__ = ["Journal", "Position", "segment_path", "segments"]

_SUFFIX: Final = ".segment"


class Position(NamedTuple):
    """A place in the files of one folder; a later place is greater."""

    segment: int
    offset: int


def segment_path(folder: Path, number: int) -> Path:
    """The file of that number."""
    return folder / f"{number:08d}{_SUFFIX}"


def segments(folder: Path) -> list[int]:
    """The numbers of the files that are there, in order."""
    return sorted(int(file.stem) for file in folder.glob(f"*{_SUFFIX}") if file.stem.isdigit())


class Journal:
    """Appends, each by one write, to files of a bounded size (mode 0600).

    Attributes:
        facts: How many were written.

    Failure mode: raises. After a write that failed, or was cut short by a full disk, the file is as long as before.
    """

    def __init__(self, folder: Path, *, segment_bytes: int, synced: bool) -> None:
        """Begins the first file.

        Args:
            folder: This process' own, and empty.
            segment_bytes: A file that has as many is followed by the next.
            synced: `sync` will be called; until then a file that is full stays open.

        Raises:
            OSError: It cannot be made.
        """
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._synced = synced
        self._number = 1
        self._size = 0
        self._file = self._create(1)
        self._spoiled = False
        self._closed = False
        self._unsynced: list[int] = []
        self._unlisted = True
        self.facts = 0

    @property
    def end(self) -> Position:
        """Where the next append will be."""
        return Position(self._number, self._size)

    def write(self, data: bytes, *, facts: int) -> None:
        """Returns when the system has all of the bytes: they then survive the death of this process.

        Raises:
            DependencyDown: It does not have them, and none of them counts.
        """
        try:
            if self._spoiled or self._size >= self._segment_bytes:
                self._next()
            written = os.write(self._file, data)
        except OSError as error:
            self._undo()
            raise DependencyDown(
                f"What happened cannot be written down: {error.strerror}. Look after the data folder."
            ) from error
        if written < len(data):
            self._undo()
            raise DependencyDown("What happened cannot be written: no space left on device. Look after DATA_DIR.")
        self._size += written
        self.facts += facts

    async def sync(self, threads: Executor) -> None:
        """Returns when everything written before the call survives the loss of power.

        Raises:
            DependencyDown: Some of it may not.
        """
        done, self._unsynced = self._unsynced, []
        folder, self._unlisted = (self._folder if self._unlisted else None), False
        try:
            await asyncio.get_running_loop().run_in_executor(threads, _sync, [*done, self._file], folder)
        except OSError as error:
            # What the system could not write it has forgotten, and it would say that all is well next time.
            self._spoiled = self._unlisted = True
            raise DependencyDown(f"The disk did not keep what happened: {error.strerror}. Replace it.") from error
        finally:
            for file in done:
                os.close(file)

    def abandon(self) -> None:
        """Begins another file at the next write: the present one is gone."""
        self._spoiled = True

    def close(self) -> None:
        """Writes no more; an append after this raises."""
        for file in () if self._closed else (*self._unsynced, self._file):
            os.close(file)
        self._closed, self._file, self._unsynced = True, -1, []

    def _next(self) -> None:
        if self._closed:
            return  # the write that follows fails, as it should
        file = self._create(self._number + 1)
        if self._synced:
            self._unsynced.append(self._file)
        else:
            os.close(self._file)
        self._number, self._size, self._file = self._number + 1, 0, file
        self._spoiled, self._unlisted = False, True

    def _create(self, number: int) -> int:
        path = segment_path(self._folder, number)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)

    def _undo(self) -> None:
        try:
            os.ftruncate(self._file, self._size)
        except OSError:
            self._spoiled = True


def _sync(files: Sequence[int], folder: Path | None) -> None:
    for file in files:
        os.fdatasync(file)
    # Without this the loss of power may take a new file's name, or its folder's.
    for listed in () if folder is None else (folder, *folder.parents[:2]):
        listing = os.open(listed, os.O_RDONLY)
        try:
            os.fsync(listing)
        finally:
            os.close(listing)
