"""Whether a streamed answer came to its end, or its provider hung up in the middle of a sentence.

HTTP does not tell: a server that gives up may end the body properly. Neither do the SDKs and Agno, which take what came
for the whole. What tells is in the stream itself: OpenAI's `[DONE]`, or a reason to finish, of which servers leave out
one or the other; Anthropic's `message_stop`, or a reason to stop; the last event of OpenAI's responses wire.
"""

import re
from typing import Final

__all__ = ["CutOff", "Ending"]

# Looked for in the bytes, as no text of a model can hold them: in a JSON string its quotation marks are escaped.
# One pattern for each, that begins with its letters: one for all, tried at every byte, takes four times as long.
_EVENT: Final = (re.compile(rb"\ndata:"), re.compile(rb"\rdata:"))
_ANSWER: Final = (re.compile(rb'"choices"\s*:'), re.compile(rb'"type"\s*:'))
_LAST: Final = (
    re.compile(rb"\ndata: ?\[DONE\]"),
    re.compile(rb"\rdata: ?\[DONE\]"),
    re.compile(rb'"finish_reason"\s*:\s*"'),
    re.compile(rb'"stop_reason"\s*:\s*"'),
    re.compile(rb'"type"\s*:\s*"(?:message_stop|response\.(?:completed|incomplete|failed))"'),
)
_MARKS: Final = (_EVENT, _ANSWER, _LAST)
_LONGEST: Final = 64
"""Bytes a mark may have, with some white space."""


class CutOff(EOFError):
    """The stream ended before the answer did."""


class Ending:
    """Reads a stream as it passes, cut anywhere. What is no stream of an answer's events has no end to miss."""

    __slots__ = ("_passed", "_tail")

    def __init__(self) -> None:
        self._passed = 0
        self._tail = b"\n"

    def feed(self, piece: bytes) -> None:
        """Looks at what came next."""
        if self._passed == len(_MARKS):
            return
        seen = self._tail + piece
        while self._passed < len(_MARKS) and _is_in(seen, _MARKS[self._passed]):
            self._passed += 1
        self._tail = seen[-_LONGEST:]

    def check(self) -> None:
        """Raises `CutOff` when the body is over and the answer is not."""
        if self._passed == len(_MARKS) - 1:
            raise CutOff("the stream ended in the middle of the answer")


def _is_in(seen: bytes, mark: tuple[re.Pattern[bytes], ...]) -> bool:
    # As a rule none is: to go through all of them is no more work than to stop at the first.
    return bool([pattern for pattern in mark if pattern.search(seen)])
