"""Whether a streamed answer came to its end, or its provider hung up in the middle of a sentence.

HTTP does not tell: a server that gives up may end the body properly. Neither do the SDKs and Agno, which take what came
for the whole. What tells is in the stream itself: OpenAI's `[DONE]`, or a reason to finish, of which servers leave out
one or the other; Anthropic's `message_stop`, or a reason to stop; the last event of OpenAI's responses wire.
"""

import re
from typing import Final

__all__ = ["CutOff", "Ending"]

_EVENT: Final = re.compile(rb"[\r\n]data:")
# Looked for in the bytes, as no text of a model can hold it: in a JSON string its quotation marks are escaped.
_LAST: Final = re.compile(
    rb"[\r\n]data: ?\[DONE\]"
    rb'|"(?:finish|stop)_reason"\s*:\s*"'
    rb'|"type"\s*:\s*"(?:message_stop|response\.(?:completed|incomplete|failed))"'
)
_LONGEST: Final = 64
"""Bytes a mark may have, with some white space."""


class CutOff(EOFError):
    """The stream ended before the answer did."""


class Ending:
    """Reads a stream as it passes, cut anywhere. What is no stream of events has no end to miss."""

    __slots__ = ("_begun", "_reached", "_tail")

    def __init__(self) -> None:
        self._begun = False
        self._reached = False
        self._tail = b"\n"

    def feed(self, piece: bytes) -> None:
        """Looks at what came next."""
        if self._reached:
            return
        seen = self._tail + piece
        self._begun = self._begun or _EVENT.search(seen) is not None
        self._reached = self._begun and _LAST.search(seen) is not None
        self._tail = seen[-_LONGEST:]

    def check(self) -> None:
        """Raises `CutOff` when the body is over and the answer is not."""
        if self._begun and not self._reached:
            raise CutOff("the stream ended in the middle of the answer")
