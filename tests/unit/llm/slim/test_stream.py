"""A streamed answer."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession

from bullpen.llm.ending import CutOff
from bullpen.llm.slim.answer import Answer
from bullpen.llm.slim.errors import ErrorEvent
from bullpen.llm.slim.stream import Chunks
from tests.stubs.puppet import Puppet, Step, events


@asynccontextmanager
async def streamed(*steps: Step) -> AsyncIterator[tuple[Chunks, Answer, Puppet]]:
    async with Puppet(steps) as puppet, ClientSession() as session:
        answer = Answer(await session.post(puppet.url))
        yield Chunks(answer), answer, puppet
        answer.close()


def said(text: str) -> dict[str, object]:
    return {"choices": [{"delta": {"content": text}}]}


async def words(chunks: Chunks, into: list[str]) -> None:
    async for each in chunks:
        into.append(each.choices[0].delta.content)  # noqa: PERF401  # what came before an error counts


@pytest.mark.parametrize("more", [[], [b"data: more\n\n"]])
async def test_a_stream_ends_with_its_end(more: Sequence[bytes]) -> None:
    """At `[DONE]`, and what follows is not read; or at the last byte, after a reason to finish. Then it is over."""
    heard: list[str] = []
    async with streamed(*events(said("a"), said("b")), *more) as (chunks, answer, _):
        await words(chunks, heard)
        assert heard == ["a", "b"]
        assert answer.is_closed
    async with streamed(*events(said("a") | {"finish_reason": "stop"}, end=False), b"0\r\n\r\n") as (chunks, answer, _):
        await words(chunks, heard)
        assert heard == ["a", "b", "a"]
        assert answer.is_closed


async def test_a_stream_that_breaks_off_is_cut_off() -> None:
    """After its words, though the body ended properly; and the answer is closed."""
    heard: list[str] = []
    async with streamed(*events(said("a"), end=False), b"0\r\n\r\n") as (chunks, answer, _):
        with pytest.raises(CutOff):
            await words(chunks, heard)
        assert heard == ["a"]
        assert answer.is_closed


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({"error": {"message": "overloaded"}}, ErrorEvent),
        ({"error": "overloaded"}, ErrorEvent),
        (b"data: {half\n\n", ValueError),
    ],
)
async def test_an_error_comes_after_the_words_before_it(event: object, error: type[Exception]) -> None:
    """Though both came in one piece; and the answer is closed."""
    heard: list[str] = []
    head, *chunks_sent = events(said("a"), event, said("b"), end=False)
    async with streamed(head, b"".join(chunks_sent), "hang") as (chunks, answer, puppet):
        with pytest.raises(error):
            await words(chunks, heard)
        assert heard == ["a"]
        assert answer.is_closed
        await asyncio.wait_for(puppet.gone.wait(), 10)


async def test_an_error_that_is_none_is_a_chunk() -> None:
    """Some servers write `"error": null` into everything."""
    async with streamed(*events({"error": None, **said("a")})) as (chunks, _, _):
        heard: list[str] = []
        await words(chunks, heard)
        assert heard == ["a"]


async def test_a_cancelled_reader_hangs_up() -> None:
    """Whoever waits for the next word and is cancelled leaves nothing open."""
    async with streamed(*events(said("a"), end=False), "hang") as (chunks, answer, puppet):
        await anext(chunks)
        waiting = asyncio.ensure_future(anext(chunks))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert answer.is_closed
        await asyncio.wait_for(puppet.gone.wait(), 10)
