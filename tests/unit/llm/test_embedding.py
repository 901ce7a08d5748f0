"""Texts of several callers in one call."""

import asyncio
from collections.abc import Sequence

import pytest

from bullpen.errors import ModelUnavailable, ShuttingDown
from bullpen.llm.embedding import GatheredEmbedder


class Lengths:
    """A text's vector is its length; keeps what it was asked, and fails on `bad`."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        self.asked.append(tuple(texts))
        if "bad" in texts:
            raise ModelUnavailable("It is away.")
        return [[float(len(text))] for text in texts]


async def test_texts_that_come_together_are_one_call() -> None:
    """Each caller has its own vectors, in its own order."""
    inner = Lengths()
    embedder = GatheredEmbedder(inner, size=4, wait=3600)
    mine, theirs = await asyncio.gather(embedder.embed(["a", "bb", "ccc"]), embedder.embed(["dddd"]))
    assert (list(mine), list(theirs)) == ([[1.0], [2.0], [3.0]], [[4.0]])
    assert inner.asked == [("a", "bb", "ccc", "dddd")]


async def test_more_than_a_call_takes_are_several() -> None:
    """The rest waits no longer than it has to."""
    inner = Lengths()
    embedder = GatheredEmbedder(inner, size=2, wait=0.001)
    assert list(await embedder.embed(["a", "bb", "ccc"])) == [[1.0], [2.0], [3.0]]
    assert inner.asked == [("a", "bb"), ("ccc",)]


async def test_a_failure_is_raised() -> None:
    """There is no vector of a text that could not be embedded."""
    embedder = GatheredEmbedder(Lengths(), size=2, wait=0.001)
    with pytest.raises(ModelUnavailable):
        await embedder.embed(["a", "bad"])


async def test_closing_leaves_nobody_waiting() -> None:
    """Neither those who wait, nor those who come afterwards."""
    embedder = GatheredEmbedder(Lengths(), size=9, wait=3600)
    asking = asyncio.ensure_future(embedder.embed(["a"]))
    for _ in range(3):
        await asyncio.sleep(0)
    await embedder.aclose()
    with pytest.raises(asyncio.CancelledError):
        await asking
    with pytest.raises(ShuttingDown):
        await embedder.embed(["a"])
