"""How far a folder's facts were delivered."""

import os
from contextlib import suppress
from pathlib import Path
from struct import Struct
from typing import Final
from zlib import crc32

from bullpen.outbox.segment import Position

__all__ = ["Bookmark"]

_PLACE: Final = Struct("<QQ")
_CHECKSUM: Final = Struct("<I")


class Bookmark:
    """A position, kept in a file (mode 0600).

    Failure mode: stale. One that cannot be written or read is only behind, and facts are then delivered again.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "delivered"
        self._file = -1
        with suppress(OSError):
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)

    def load(self) -> Position | None:
        """What was saved last; None when there is nothing that can be trusted."""
        data = b""
        with suppress(OSError):
            data = os.pread(self._file, _PLACE.size + _CHECKSUM.size, 0)
        place, checksum = data[: _PLACE.size], data[_PLACE.size :]
        if len(checksum) < _CHECKSUM.size or _CHECKSUM.unpack(checksum)[0] != crc32(place):
            return None
        return Position(*_PLACE.unpack(place))

    def save(self, position: Position) -> None:
        """In one small write, which a reader sees whole or, by its checksum, not at all."""
        place = _PLACE.pack(*position)
        with suppress(OSError):
            os.pwrite(self._file, place + _CHECKSUM.pack(crc32(place)), 0)

    def close(self) -> None:
        """Saves no more; a second call changes nothing."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1
