"""The HTTP answers a model call opened, so that none outlives it.

Agno does not close OpenAI's stream when its reader goes away between two words, and the stream is part of a reference
cycle: without this the provider would go on writing, and be paid, until the garbage collector comes by.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

import httpx2

__all__ = ["Answers", "note"]

_CURRENT: ContextVar["Answers | None"] = ContextVar("bullpen_model_answers", default=None)


class Answers:
    """The answers of one call."""

    def __init__(self) -> None:
        self._open: list[httpx2.Response] = []

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Answers that begin inside the block are this call's. Never hold it over a `yield`."""
        token = _CURRENT.set(self)
        try:
            yield
        finally:
            _CURRENT.reset(token)

    def add(self, answer: httpx2.Response) -> None:
        """Remembers an answer whose head has come."""
        self._open.append(answer)

    async def aclose(self) -> None:
        """Hangs up on every answer that was not read to its end."""
        while self._open:
            answer = self._open.pop()
            if not answer.is_closed:
                with suppress(httpx2.HTTPError, OSError):
                    await answer.aclose()


async def note(answer: httpx2.Response) -> None:
    """What every client of ours does with an answer: an event hook of httpx."""
    current = _CURRENT.get()
    if current is not None:
        current.add(answer)
