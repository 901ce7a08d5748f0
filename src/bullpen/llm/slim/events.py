"""Server-sent events, by the WHATWG's HTML standard, section 9.2.6, as far as a model's stream needs them."""

from typing import Final

from bullpen.llm.slim.errors import Oversized

__all__ = ["LARGEST_EVENT", "Events"]

LARGEST_EVENT: Final = 8 * 1024 * 1024
"""Bytes of one event, or of one line; a picture or a minute of sound fits."""

_BOM: Final = b"\xef\xbb\xbf"
_FIELD: Final = b"data"


class Events:
    """Takes a stream piece by piece, cut anywhere, and gives the data of each event that is complete.

    Names, ids and comments are left out: nothing of this wire is in them. An event without data is none, and neither is
    one that the end of the stream cut off.
    """

    def __init__(self, *, largest: int = LARGEST_EVENT) -> None:
        """`largest` is a number of bytes."""
        self._largest = largest
        self._line: list[bytes] = []
        self._data: list[bytes] = []
        self._held = 0
        self._after_cr = False
        self._begun = False

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of the events that `piece` completes. Raises `Oversized`."""
        if self._after_cr and piece.startswith(b"\n"):
            piece = piece[1:]
            self._after_cr = False
        if not piece:
            return []
        self._after_cr = piece.endswith(b"\r")
        lines = piece.splitlines(keepends=True)
        if not lines[-1].endswith((b"\n", b"\r")):
            return self._lines(lines[:-1]) + self._hold(self._line, lines[-1])
        return self._lines(lines)

    def _lines(self, lines: list[bytes]) -> list[bytes]:
        events: list[bytes] = []
        for line in lines:
            whole = self._whole(line)
            if whole:
                self._field(whole)
            elif self._data:
                events.append(b"\n".join(self._data))
                self._data.clear()
                self._held = 0
        return events

    def _whole(self, line: bytes) -> bytes:
        """The line without its end, and with what earlier pieces had of it."""
        line = line.rstrip(b"\r\n")
        if self._line:
            line = b"".join((*self._line, line))
            self._held -= sum(map(len, self._line))
            self._line.clear()
        if not self._begun:
            self._begun = True
            line = line.removeprefix(_BOM)
        return line

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name == _FIELD:
            self._hold(self._data, value.removeprefix(b" "))

    def _hold(self, where: list[bytes], part: bytes) -> list[bytes]:
        self._held += len(part)
        if self._held > self._largest:
            raise Oversized(f"an event of a stream is larger than {self._largest} bytes")
        where.append(part)
        return []
