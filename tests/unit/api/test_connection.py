"""A connection: what is cut off, and when."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from bullpen.api import Connection, Connections
from bullpen.api.connection import SILENCE

IDLE = 1
ENOUGH = 30.0


async def hello(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"hi"})


class Server(uvicorn.Server):
    """Drains when it is told to, as ours does."""

    def __init__(self, app: ASGIApp, *, idle: int) -> None:
        config = uvicorn.Config(
            app, http=Connection, ws="none", lifespan="off", log_config=None, timeout_keep_alive=idle, access_log=False
        )
        super().__init__(config)
        self.server_state = self._connections = Connections()
        self.port = 0

    def drain(self) -> None:
        self._connections.draining = self.should_exit = True

    async def drained(self) -> None:
        """Waits until every connection knows of it."""
        async with asyncio.timeout(ENOUGH):
            while any(server.is_serving() for server in self.servers):  # noqa: ASYNC110 -- uvicorn tells nobody
                await asyncio.sleep(0.01)

    async def read(self, count: int) -> None:
        """Waits until so many requests wait behind the one that is answered."""
        (connection,) = self._connections.connections
        async with asyncio.timeout(ENOUGH):
            while len(connection.pipeline) < count:  # type: ignore[union-attr]  # noqa: ASYNC110 -- uvicorn tells nobody
                await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(app: ASGIApp, *, idle: int = IDLE) -> AsyncIterator[Server]:
    server = Server(app, idle=idle)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server.port = listener.getsockname()[1]
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield server
        finally:
            server.should_exit = True
            await task


async def until_closed(first: bytes, then: bytes = b"") -> bytes:
    """What the server said until it closed, while `then` was sent again and again."""
    async with serving(hello) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
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


REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
CLOSING = b"connection: close"


class Gate:
    """An application whose answers wait, before they begin or in the middle."""

    def __init__(self, *, begun: bool) -> None:
        self.opened = asyncio.Event()
        self.came = asyncio.Event()
        self._begun = begun

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
        if self._begun:
            await send(start)
        self.came.set()
        await self.opened.wait()
        if not self._begun:
            await send(start)
        await send({"type": "http.response.body", "body": b"hi"})


async def answer(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(ENOUGH):
        return await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(2)


async def test_a_drained_connection_answers_its_next_request() -> None:
    """A request that was on its way when the drain began is answered, and the answer is the last."""
    async with serving(hello, idle=60) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(REQUEST)
        assert CLOSING not in await answer(reader)
        server.drain()
        await server.drained()
        writer.write(REQUEST)
        assert CLOSING in await answer(reader)
        assert await reader.read() == b""
        writer.close()


async def test_a_drained_connection_that_stays_silent_is_closed() -> None:
    """After two seconds, however long it might have been idle otherwise."""
    async with serving(hello, idle=60) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(REQUEST)
        await answer(reader)
        server.drain()
        async with asyncio.timeout(SILENCE + ENOUGH):
            assert await reader.read() == b""
        writer.close()


async def test_of_several_requests_the_last_answer_closes() -> None:
    """Requests sent behind one another before and during the drain are all answered."""
    gate = Gate(begun=False)
    async with serving(gate, idle=60) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(REQUEST * 2)
        await gate.came.wait()
        server.drain()
        await server.drained()
        writer.write(REQUEST)
        await server.read(2)
        gate.opened.set()
        said = [await answer(reader) for _ in range(3)]
        assert [CLOSING in each for each in said] == [False, False, True]
        writer.close()


async def test_an_answer_that_had_begun_does_not_close_unannounced() -> None:
    """Its head said nothing of it, so the client may send another request, and is answered."""
    gate = Gate(begun=True)
    async with serving(gate, idle=60) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(REQUEST)
        await gate.came.wait()
        server.drain()
        await server.drained()
        gate.opened.set()
        assert CLOSING not in await answer(reader)
        writer.write(REQUEST)
        assert CLOSING in await answer(reader)
        writer.close()
