"""A stub model: OpenAI's chat wire format on a bare socket, one fixed answer, as fast as one core allows.

`GET /delay/200` makes every later answer begin 200 ms late. Run as `python -m benchmarks.model PORT`.
"""

import asyncio
import sys
from typing import Final, cast

import uvloop

from benchmarks.wire import ANSWERED, DONE, PIECES, REFUSE_ME, REFUSED, STREAM_HEAD, STREAM_SECONDS

__all__: list[str] = []

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"
_STREAMED: Final = (b'"stream":true', b'"stream": true')
_STEP: Final = STREAM_SECONDS / (len(PIECES) - 1)


class _Stub:
    def __init__(self) -> None:
        self.delay = 0.0

    def respond(self, head: bytes, body: bytes, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        if head.startswith(b"GET /delay/"):
            self.delay = int(head.split(b" ", 2)[1].rpartition(b"/")[2]) / 1000
            transport.write(DONE)
        elif any(mark in body for mark in _STREAMED):
            self._stream(transport, 0, loop.time() + self.delay)
        elif self.delay:
            loop.call_later(self.delay, transport.write, ANSWERED)
        else:
            transport.write(REFUSED if REFUSE_ME.encode() in body else ANSWERED)

    def _stream(self, transport: asyncio.Transport, number: int, due: float) -> None:
        """Sends a piece, and the next ones when they are due, counted from the first: a late piece delays no other."""
        if transport.is_closing():
            return
        transport.write(PIECES[number] if number else STREAM_HEAD + PIECES[0])
        if number + 1 < len(PIECES):
            due += _STEP
            asyncio.get_running_loop().call_at(due, self._stream, transport, number + 1, due)


class _Connection(asyncio.Protocol):
    """Answers when a whole request is in; clients do not pipeline, so one buffer holds at most one request."""

    def __init__(self, stub: _Stub) -> None:
        self._stub = stub
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(_HEAD_END)
        if end and len(body) >= _content_length(head):
            self._received = b""
            self._stub.respond(head, body, self._transport)


def _content_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(_LENGTH)
    return int(rest.partition(b"\r\n")[0]) if found else 0


async def _serve(port: int) -> None:
    stub = _Stub()
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(stub), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
