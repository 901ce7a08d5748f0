"""One HTTP answer."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientError, ClientSession

from bullpen.llm.slim.answer import Answer
from bullpen.llm.slim.errors import Oversized, Refused
from tests.stubs.puppet import Puppet, Step, answer, events


@asynccontextmanager
async def answered(*steps: Step, largest: int = 1000) -> AsyncIterator[tuple[Answer, Puppet]]:
    async with Puppet(steps) as puppet, ClientSession() as session:
        response = await session.post(puppet.url)
        yield Answer(response, largest=largest), puppet
        response.close()


async def test_an_answer_is_read_whole_and_closed() -> None:
    """With its headers, before and after."""
    async with answered(answer(b"all of it", x_request_id="7")) as (given, _):
        assert await given.read() == b"all of it"
        assert given.is_closed
        assert given.headers["x-request-id"] == "7"


@pytest.mark.parametrize("steps", [[answer(b"x" * 1001)], [*events(*[b"x" * 600] * 2, end=False), "hang"]])
async def test_an_endless_answer_is_refused_and_hung_up_on(steps: Sequence[Step]) -> None:
    """Whether it tells its length or not."""
    async with answered(*steps) as (given, puppet):
        with pytest.raises(Oversized, match="1000 bytes"):
            await given.read()
        assert given.is_closed
        if steps[-1] == "hang":
            await asyncio.wait_for(puppet.gone.wait(), 10)


@pytest.mark.parametrize("status", [200, 201, 299])
async def test_a_success_is_none_of_checks_business(status: int) -> None:
    """It is read afterwards."""
    async with answered(answer(b"fine", status=status)) as (given, _):
        await given.check()
        assert await given.read() == b"fine"


@pytest.mark.parametrize("status", [304, 400, 429, 503])
async def test_any_other_status_is_refused_with_its_reasons(status: int) -> None:
    """The head is there for the guard, the words for the log, and not more of them than a log can take."""
    body = b"" if status == 304 else b"\xff" + b"because " * 100
    async with answered(answer(body, status=status, retry_after="7")) as (given, _):
        with pytest.raises(Refused) as refused:
            await given.check()
    assert refused.value.response.status_code == status
    assert refused.value.response.headers["retry-after"] == "7"
    assert len(str(refused.value)) < 2100


@pytest.mark.parametrize("end", ["hang", "close", "reset"])
async def test_a_refusal_is_not_lost_to_a_body_that_does_not_come(end: Step) -> None:
    """The status is known; the reasons are not worth waiting for."""
    async with answered(answer(b"because", status=401)[:-4], end) as (given, _):
        with pytest.raises(Refused, match="HTTP 401"):
            await given.check()
        assert given.is_closed


async def test_what_broke_off_is_aiohttps_to_tell() -> None:
    """Half an answer is none, and is closed."""
    async with answered(answer(b"half of it")[:-4], "close") as (given, _):
        with pytest.raises(ClientError):
            await given.read()
        assert given.is_closed


@pytest.mark.parametrize("end", [[b"0\r\n\r\n"], [b"5\r\nextra\r\n", "hang"], ["hang"], ["reset"]])
async def test_finishing_waits_a_moment_and_closes(end: Sequence[Step]) -> None:
    """A stream whose end came is ready for the next call; one whose end does not come is hung up on."""
    async with answered(*events(b"all", end=False), *end) as (given, _):
        assert await given.piece() == b"all"
        await given.finish()
        assert given.is_closed


async def test_closing_hangs_up() -> None:
    """At once, and twice is once."""
    async with answered(*events(b"word", end=False), "hang") as (given, puppet):
        assert await given.piece() == b"word"
        assert not given.is_closed
        await given.aclose()
        given.close()
        await asyncio.wait_for(puppet.gone.wait(), 10)
        assert given.is_closed
