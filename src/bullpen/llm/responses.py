"""The HTTP answers a model call opened, so that none outlives it, and what goes and comes with each.

Agno does not close OpenAI's stream when its reader goes away between two words, and the stream is part of a reference
cycle: without this the provider would go on writing, and be paid, until the garbage collector comes by. Nor does Agno
hand on the headers of an answer, where a provider tells how much more it will take.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from typing import Final, Protocol

import httpx2

from bullpen.llm.ending import Ending

__all__ = ["LARGEST_ANSWER", "Answer", "Answers", "Watched", "note", "stamp"]

LARGEST_ANSWER: Final = 64 * 1024 * 1024
"""Bytes of a whole answer, streamed or not."""

_IDEMPOTENCY_KEY: Final = "Idempotency-Key"
# What is compressed cannot be watched for its end; answers are small, and a compressed one may be a bomb.
_UNCOMPRESSED: Final = {"Accept-Encoding": "identity"}


class Answer(Protocol):
    """What the clients' answers have in common."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in any case."""
        ...

    @property
    def is_closed(self) -> bool:
        """Whether it was read to its end, or hung up on."""
        ...

    async def aclose(self) -> None:
        """Hangs up."""
        ...


class Answers:
    """The answers of one call."""

    def __init__(self, key: str | None = None) -> None:
        """`key` is sent as `Idempotency-Key` with every request of the call."""
        self.stamp: Final[Mapping[str, str]] = {} if key is None else {_IDEMPOTENCY_KEY: key}
        self._open: list[Answer] = []
        self._last: Answer | None = None

    @classmethod
    def current(cls) -> "Answers":
        """Those of the call this task makes, or some that nobody looks at."""
        return _CURRENT.get() or cls()

    @property
    def headers(self) -> Mapping[str, str] | None:
        """The headers of the last answer, good or bad, with names in lower case; None when there was no answer."""
        if self._last is None:
            return None
        return {name.lower(): value for name, value in self._last.headers.items()}

    def collecting(self) -> "_Collecting":
        """Answers that begin inside the block are this call's. Never hold it over a `yield`."""
        return _Collecting(self)

    def add(self, answer: Answer) -> None:
        """Remembers an answer whose head has come."""
        self._open.append(answer)
        self._last = answer

    async def aclose(self) -> None:
        """Hangs up on every answer that was not read to its end."""
        while self._open:
            answer = self._open.pop()
            if not answer.is_closed:
                with suppress(httpx2.HTTPError, OSError):
                    await answer.aclose()


class _Collecting:
    """A block of a call: a class, as there is one around every piece of a stream."""

    __slots__ = ("_answers", "_token")

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def __enter__(self) -> None:
        self._token = _CURRENT.set(self._answers)

    def __exit__(self, *_: object) -> None:
        _CURRENT.reset(self._token)


_CURRENT: ContextVar[Answers | None] = ContextVar("bullpen_model_answers", default=None)


class Watched(httpx2.AsyncByteStream):
    """A body that breaks off with `CutOff` where its answer does, and with `ValueError` where it does not end."""

    def __init__(self, body: httpx2.AsyncByteStream, *, largest: int = LARGEST_ANSWER) -> None:
        """`largest` is a number of bytes."""
        self._body = body
        self._largest = largest
        self._ending = Ending()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._largest
        pieces = aiter(self._body)
        try:
            async for piece in pieces:
                left -= len(piece)
                if left < 0:
                    raise ValueError(f"an answer is larger than {self._largest} bytes")
                self._ending.feed(piece)
                yield piece
        finally:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()
        self._ending.check()

    async def aclose(self) -> None:
        """Hangs up."""
        await self._body.aclose()


async def stamp(request: httpx2.Request) -> None:
    """What every SDK's client does with a request: an event hook of httpx."""
    request.headers.update(_UNCOMPRESSED)
    request.headers.update(Answers.current().stamp)


async def note(answer: httpx2.Response) -> None:
    """What every SDK's client does with an answer: an event hook of httpx."""
    if isinstance(answer.stream, httpx2.AsyncByteStream):
        answer.stream = Watched(answer.stream)
    Answers.current().add(answer)
