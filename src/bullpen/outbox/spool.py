"""What was written to one folder and is not delivered yet."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from bullpen.outbox.bookmark import Bookmark
from bullpen.outbox.frames import Scan, scan
from bullpen.outbox.ports import Fact
from bullpen.outbox.quarantine import Quarantine
from bullpen.outbox.segment import Journal, Position, segment_path, segments

__all__ = ["Portion", "Spool"]

_log = structlog.get_logger("bullpen.outbox")

_CHUNK: Final = 512 * 1024


class Portion(NamedTuple):
    """Some facts, in order.

    Attributes:
        facts: May be none, when what was there could not be read.
        end: Where the next portion begins.
    """

    facts: Sequence[Fact]
    end: Position


class Spool:
    """Reads a folder from where its bookmark is.

    What cannot be read is put aside in the quarantine. A torn end, left by a process that died while it wrote, was
    never said to be recorded, and is cut off.

    Attributes:
        position: Everything before it was delivered.
        delivered: How many facts were, since this object was made.
    """

    def __init__(self, folder: Path, *, quarantine: Quarantine, journal: Journal | None = None) -> None:
        """Reads what `journal` writes; without one, what a dead process has left."""
        self._folder = folder
        self._quarantine = quarantine
        self._journal = journal
        self._last = Position(0, 0) if journal else _end(folder)
        self._bookmark = Bookmark(folder)
        first = min(segments(folder), default=1)
        self.position = max(self._bookmark.load() or Position(0, 0), Position(first, 0))
        self.delivered = 0

    @property
    def empty(self) -> bool:
        """Whether everything was delivered."""
        return self.position >= self._end()

    def read(self, most: int) -> Portion | None:
        """The next facts, about that many; None when there are none. The same ones until `forget` is called."""
        at = self.position
        while at < self._end():
            path = segment_path(self._folder, at.segment)
            try:
                scanned = self._scan(path, at, most)
            except FileNotFoundError:
                self._lose(path, at.segment)
                scanned = None
            if scanned:
                return Portion(scanned.facts, Position(at.segment, at.offset + scanned.end))
            at = Position(at.segment + 1, 0)
        return None

    def forget(self, portion: Portion) -> None:
        """The portion was delivered."""
        if portion.end <= self.position:
            return
        before, self.position = self.position, portion.end
        self.delivered += len(portion.facts)
        self._bookmark.save(self.position)
        for number in range(before.segment, self.position.segment):
            segment_path(self._folder, number).unlink(missing_ok=True)

    def close(self) -> None:
        """Reads no more."""
        self._bookmark.close()

    def _end(self) -> Position:
        return self._journal.end if self._journal else self._last

    def _scan(self, path: Path, at: Position, most: int) -> Scan | None:
        end = self._end()
        rest = (end.offset if at.segment == end.segment else path.stat().st_size) - at.offset
        if rest <= 0:
            return None
        found = scan(_bytes(path, at.offset, min(rest, _CHUNK)), most=most, final=rest <= _CHUNK)
        if not found.end:
            found = scan(_bytes(path, at.offset, rest), most=most, final=True)
        if found.damaged or found.torn:
            self._tell(path, at.offset, found)
        return found

    def _tell(self, path: Path, offset: int, found: Scan) -> None:
        for start, end in found.damaged:
            damaged = _bytes(path, offset + start, end - start)
            self._quarantine.put(damaged, name=f"{path.parent.name}-{path.stem}-{offset + start}")
        if found.torn:
            _log.warning("outbox_tail_cut", file=str(path), bytes=found.torn)

    def _lose(self, path: Path, number: int) -> None:
        self.position = Position(number + 1, 0)
        remedy = "Somebody removed it. What it had is lost, unless it was delivered. Keep the data folder."
        _log.error("outbox_segment_lost", file=str(path), remedy=remedy)
        if self._journal and self._journal.end.segment == number:
            self._journal.abandon()


def _end(folder: Path) -> Position:
    last = max(segments(folder), default=0)
    with suppress(FileNotFoundError):
        return Position(last, segment_path(folder, last).stat().st_size)
    return Position(last, 0)


def _bytes(path: Path, start: int, length: int) -> bytes:
    file = os.open(path, os.O_RDONLY)
    try:
        return os.pread(file, length, start)
    finally:
        os.close(file)
