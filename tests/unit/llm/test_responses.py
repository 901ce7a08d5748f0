"""The HTTP answers a call opened."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from bullpen.llm.responses import Answers, Watched, note, stamp


class Body(httpx2.AsyncByteStream):
    """An endless body that knows whether it was closed; `broken` when closing it fails."""

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b"word "

    async def aclose(self) -> None:
        self.closed = True
        if self.broken:
            raise httpx2.ReadError("gone already")


async def test_what_was_not_read_to_its_end_is_hung_up_on() -> None:
    """Every answer of the call, even when hanging up on another fails; and only once."""
    answers, bodies = Answers(), [Body(), Body(broken=True), Body()]
    with answers.collecting():
        for body in bodies:
            await note(httpx2.Response(200, stream=body))
    await answers.aclose()
    assert all(body.closed for body in bodies)
    await answers.aclose()


async def test_what_is_closed_is_left_alone() -> None:
    """An answer that was read is the SDK's to close."""
    answers, body = Answers(), Body(broken=True)
    answer = httpx2.Response(200, content=b"all of it")
    with answers.collecting():
        await note(answer)
    await answers.aclose()
    assert answer.is_closed
    assert not body.closed


async def test_an_answer_of_nobodys_is_not_kept() -> None:
    """Outside the block a client may be used freely."""
    answers, body = Answers(), Body()
    with answers.collecting():
        pass
    await note(httpx2.Response(200, stream=body))
    await answers.aclose()
    assert not body.closed


async def test_two_calls_do_not_close_each_others_answers() -> None:
    """The innermost block owns what begins in it."""
    outer, inner, body = Answers(), Answers(), Body()
    with outer.collecting(), inner.collecting():
        await note(httpx2.Response(200, stream=body))
    await outer.aclose()
    assert not body.closed
    await inner.aclose()
    assert body.closed


async def test_the_last_answers_headers_are_kept() -> None:
    """Good or bad, read or not, with names in lower case, also when it is closed."""
    answers = Answers()
    assert answers.headers is None
    with answers.collecting():
        await note(httpx2.Response(200, headers={"X-Ratelimit-Remaining": "3"}))
        await note(httpx2.Response(429, headers={"Retry-After": "7"}))
    await answers.aclose()
    assert answers.headers == {"retry-after": "7"}


@pytest.mark.parametrize("sent", [{}, {"Idempotency-Key": "another"}, {"idempotency-key": "another"}])
async def test_a_calls_key_is_sent_with_every_request(sent: dict[str, str]) -> None:
    """And wins over one of the SDK's own; a call without a key, and whoever is in no call, send what they sent."""
    answers, request = Answers("key-of-the-call"), httpx2.Request("POST", "http://127.0.0.1:1", headers=sent)
    await stamp(request)
    with Answers().collecting():
        await stamp(request)
    assert request.headers.get("idempotency-key") == (next(iter(sent.values())) if sent else None)
    with answers.collecting():
        await stamp(request)
    assert request.headers.get_list("idempotency-key") == ["key-of-the-call"]


async def test_outside_any_call_answers_are_nobodys() -> None:
    """There is always one to ask, and it keeps nothing for the next."""
    Answers.current().add(httpx2.Response(200, headers={"a": "b"}))
    assert Answers.current().headers is None
    with (mine := Answers()).collecting():
        assert Answers.current() is mine
    assert Answers.current() is not mine


async def test_an_answer_without_end_ends() -> None:
    """The SDKs would read on, good answer or bad, until no memory is left or the call's time is over."""
    pieces = aiter(Watched(Body(), largest=1000))
    assert sum([len(await anext(pieces)) for _ in range(200)]) == 1000
    with pytest.raises(ValueError, match="larger than 1000 bytes"):
        await anext(pieces)


@pytest.mark.parametrize("status", [200, 500])
async def test_every_body_is_watched(status: int) -> None:
    """A refusal's reasons may be as long as an answer."""
    answer = httpx2.Response(status, stream=Body())
    await note(answer)
    assert isinstance(answer.stream, Watched)
