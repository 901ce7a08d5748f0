"""The HTTP answers a model call opened, so that none outlives it, and what goes and comes with each.

Agno does not close OpenAI's stream when its reader goes away between two words, and the stream is part of a reference
cycle: without this the provider would go on writing, and be paid, until the garbage collector comes by. Nor does Agno
hand on the headers of an answer, where a provider tells how much more it will take.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Final, Protocol

import httpx2

from bullpen.llm.ending import Ending

__all__ = ["Answer", "Answers", "note", "stamp"]

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

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Answers that begin inside the block are this call's. Never hold it over a `yield`."""
        token = _CURRENT.set(self)
        try:
            yield
        finally:
            _CURRENT.reset(token)

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


_CURRENT: ContextVar[Answers | None] = ContextVar("bullpen_model_answers", default=None)


class _Watched(httpx2.AsyncByteStream):
    """A body that breaks off with `CutOff` where its answer does."""

    def __init__(self, body: httpx2.AsyncByteStream) -> None:
        self._body = body
        self._ending = Ending()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = aiter(self._body)
        try:
            async for piece in pieces:
                self._ending.feed(piece)
                yield piece
        finally:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()
        self._ending.check()

    async def aclose(self) -> None:
        await self._body.aclose()


async def stamp(request: httpx2.Request) -> None:
    """What every SDK's client does with a request: an event hook of httpx."""
    request.headers.update(_UNCOMPRESSED)
    request.headers.update(Answers.current().stamp)


async def note(answer: httpx2.Response) -> None:
    """What every SDK's client does with an answer: an event hook of httpx."""
    if answer.is_success and isinstance(answer.stream, httpx2.AsyncByteStream):
        answer.stream = _Watched(answer.stream)
    Answers.current().add(answer)
