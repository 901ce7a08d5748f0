"""The HTTP answers a call opened."""

from collections.abc import AsyncIterator

import httpx2

from bullpen.llm.responses import Answers, note


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
