"""Texts as vectors, and how many of them share one call."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from bullpen.gathering import Gathering

__all__ = ["Embedder", "GatheredEmbedder"]


class Embedder(Protocol):
    """Turns texts into vectors.

    Failure mode: closed. It raises one of our errors; there is no vector of a text that could not be embedded.
    """

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """A vector for each text, in their order, all of one length."""
        ...


class GatheredEmbedder:
    """Implements `Embedder` by another one, which is given the texts of several callers in one call.

    A text has no owner once it is a number, so texts of two callers may share a call; they learn nothing of each other.
    """

    def __init__(self, inner: Embedder, *, size: int = 10, wait: float = 1.0) -> None:
        """`size` texts at most; the first waits `wait` seconds for others."""
        self._inner = inner
        self._gathering: Gathering[None, str, Sequence[float]] = Gathering(self._embed, size=size, wait=wait)

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """See `Embedder.embed`."""
        return await asyncio.gather(*(self._gathering.ask(None, text) for text in texts))

    async def aclose(self) -> None:
        """Ends what goes on, and serves nobody any more."""
        await self._gathering.aclose()

    async def _embed(self, _key: None, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        return await self._inner.embed(texts)
