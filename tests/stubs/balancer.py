"""A small HTTP balancer in front of two or more servers: it follows `/ready`, and keeps connections on both sides.

It is as careful as the ones people use, and no more: a replica that refuses a connection is passed over, for nothing
was sent to it yet; a request that was sent is never sent again, and 502 tells its client.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain, count
from typing import Any, Final, NamedTuple, Self

__all__ = ["Balancer"]

_BAD_GATEWAY: Final = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
_PROBE: Final = b"GET /ready HTTP/1.1\r\nHost: balancer\r\nConnection: close\r\n\r\n"
_BROKEN: Final = (OSError, asyncio.IncompleteReadError)


class _Connection(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def is_open(self) -> bool:
        return not (self.reader.at_eof() or self.writer.is_closing())


class _Head(NamedTuple):
    data: bytes
    fields: dict[bytes, bytes]

    @property
    def closes(self) -> bool:
        return self.fields.get(b"connection", b"").lower() == b"close"


class Balancer:
    """Use it as an asynchronous context manager.

    Attributes:
        url: Where it listens.
        lost: Requests that were sent to a replica and got no whole answer.
    """

    def __init__(self, ports: Sequence[int], *, every: float = 0.1) -> None:
        """In front of the servers on these ports of this machine; `every` is the pause between probes, seconds."""
        self.url = ""
        self.lost = 0
        self._ports = ports
        self._every = every
        self._ready: set[int] = set()
        self._idle: dict[int, list[_Connection]] = {port: [] for port in ports}
        self._turn = count()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await asyncio.gather(*map(self._probe, self._ports))
        for port in self._ports:
            self._keep(self._follow(port))
        self._server = await asyncio.start_server(self._accept, "127.0.0.1")
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in chain.from_iterable(self._idle.values()):
            connection.writer.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._keep(self._serve(_Connection(reader, writer)))

    def _keep(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, port: int) -> None:
        while True:
            await asyncio.sleep(self._every)
            await self._probe(port)

    async def _probe(self, port: int) -> None:
        if await _is_ready(port):
            self._ready.add(port)
        else:
            self._ready.discard(port)

    async def _serve(self, client: _Connection) -> None:
        try:
            while True:
                head = await _head(client.reader)
                await self._pass_on(head, client)
                await client.writer.drain()
        except _BROKEN:
            pass
        finally:
            client.writer.close()

    async def _pass_on(self, head: _Head, client: _Connection) -> None:
        body = await client.reader.readexactly(int(head.fields.get(b"content-length", b"0")))
        found = await self._replica()
        if found is None:
            client.writer.write(_BAD_GATEWAY)
            return
        port, replica = found
        try:
            replica.writer.write(head.data + body)
            answer = await _head(replica.reader)
        except _BROKEN:
            self.lost += 1
            client.writer.write(_BAD_GATEWAY)
            return
        client.writer.write(answer.data.replace(b"connection: close\r\n", b""))
        try:
            await _copy(answer, replica.reader, client.writer)
        except _BROKEN:
            self.lost += 1
            raise
        if answer.closes:
            replica.writer.close()
        else:
            self._idle[port].append(replica)

    async def _replica(self) -> tuple[int, _Connection] | None:
        """A connection to a replica that is ready, or one of the others where none is."""
        turn = next(self._turn) % len(self._ports)
        order = [*self._ports[turn:], *self._ports[:turn]]
        for port in sorted(order, key=lambda each: each not in self._ready):
            idle = self._idle[port]
            while idle:
                if (kept := idle.pop()).is_open:
                    return port, kept
            with suppress(OSError):
                return port, _Connection(*await asyncio.open_connection("127.0.0.1", port))
        return None


async def _is_ready(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_PROBE)
        said = await reader.readline()
    except OSError:
        return False
    writer.close()
    return b" 200 " in said


async def _head(reader: asyncio.StreamReader) -> _Head:
    data = await reader.readuntil(b"\r\n\r\n")
    lines = (line.partition(b":") for line in data.split(b"\r\n")[1:-2])
    return _Head(data, {name.strip().lower(): value.strip() for name, _, value in lines})


async def _copy(head: _Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The body, as it comes."""
    if head.fields.get(b"transfer-encoding", b"").lower() != b"chunked":
        writer.write(await reader.readexactly(int(head.fields.get(b"content-length", b"0"))))
        return
    size = -1
    while size:
        line = await reader.readline()
        size = int(line.partition(b";")[0], 16)
        writer.write(line + await reader.readexactly(size + 2))
