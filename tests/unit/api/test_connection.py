"""A connection: what is cut off, and when."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from bullpen.api import Connection

IDLE = 1
ENOUGH = 30.0


async def hello(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"hi"})


@asynccontextmanager
async def served() -> AsyncIterator[int]:
    """The port of a server whose connections may be idle for a second."""
    config = uvicorn.Config(
        hello, http=Connection, ws="none", lifespan="off", log_config=None, timeout_keep_alive=IDLE, access_log=False
    )
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await serving


async def until_closed(first: bytes, then: bytes = b"") -> bytes:
    """What the server said until it closed, while `then` was sent again and again."""
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(first)
        trickle = asyncio.create_task(_again_and_again(writer, then))
        try:
            async with asyncio.timeout(ENOUGH):
                return await reader.read()
        finally:
            trickle.cancel()
            writer.close()


async def _again_and_again(writer: asyncio.StreamWriter, piece: bytes) -> None:
    while piece:
        writer.write(piece)
        await asyncio.sleep(IDLE / 4)


@pytest.mark.parametrize("first", [b"", b"GET / HTT", b"GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_half_a_head_is_not_waited_for(first: bytes) -> None:
    """A connection on which no whole head comes is closed."""
    assert await until_closed(first) == b""


async def test_a_head_may_not_trickle() -> None:
    """Sending a little now and then does not hold the connection."""
    assert await until_closed(b"GET / HTTP/1.1\r\n", b"X-A: a\r\n") == b""


async def test_after_an_answer_the_time_begins_anew() -> None:
    """An answered connection that begins another head is closed as well."""
    said = await until_closed(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /", b"x")
    assert said.endswith(b"hi")
