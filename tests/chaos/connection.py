"""One connection of a client: a request, its answer, and the next request."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, cast

from httptools import HttpParserError, HttpResponseParser

__all__ = ["Connection", "Reply"]


@dataclass(slots=True)
class Reply:
    """A whole answer. Header names are in lower case; `at` is `time.monotonic()` at its last byte."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    at: float = 0.0


class Connection(asyncio.Protocol):
    """Lists itself in `everywhere` while it is open, and in `idle` whenever it could take a request."""

    def __init__(self, idle: "list[Connection]", everywhere: "set[Connection]") -> None:
        self._idle = idle
        self._everywhere = everywhere
        self._reply = Reply()
        self._waiting: asyncio.Future[Reply | str] | None = None

    async def ask(self, whole: bytes) -> Reply | str:
        """The answer, or in words why there is none."""
        self._reply = Reply()
        self._parser: Any = HttpResponseParser(self)
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(whole)
        return await self._waiting

    def close(self) -> None:
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._everywhere.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._everywhere.discard(self)
        if self in self._idle:
            self._idle.remove(self)
        self._end(f"the connection was lost: {exc or 'closed before the answer'}")

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            self._end(f"not HTTP: {error}")
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._reply.headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._reply.body += body

    def on_message_complete(self) -> None:
        self._reply.status = self._parser.get_status_code()
        self._reply.at = time.monotonic()
        if self._parser.should_keep_alive():
            self._idle.append(self)
        else:
            self._transport.close()
        self._end(self._reply)

    def _end(self, told: Reply | str) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(told)
