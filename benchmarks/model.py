"""A stub model: OpenAI's chat wire format on a bare socket, one fixed answer, as fast as one core allows.

`GET /delay/200` makes every later answer wait 200 ms. Run as `python -m benchmarks.model PORT`.
"""

import asyncio
import json
import sys
from typing import Final, cast

import uvloop

__all__ = ["ANSWER"]

ANSWER: Final = "The quick brown fox jumps over the lazy dog. " * 5

_COMPLETION: Final = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "stub",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 40, "completion_tokens": 50, "total_tokens": 90},
}
_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"


def _response(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


_ANSWERED: Final = _response(json.dumps(_COMPLETION).encode())
_DONE: Final = _response(b"{}")


class _Stub:
    def __init__(self) -> None:
        self.delay = 0.0

    def respond(self, head: bytes, transport: asyncio.Transport) -> None:
        if head.startswith(b"GET /delay/"):
            self.delay = int(head.split(b" ", 2)[1].rpartition(b"/")[2]) / 1000
            transport.write(_DONE)
        elif self.delay:
            asyncio.get_running_loop().call_later(self.delay, transport.write, _ANSWERED)
        else:
            transport.write(_ANSWERED)


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
            self._stub.respond(head, self._transport)


def _content_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(_LENGTH)
    return int(rest.partition(b"\r\n")[0]) if found else 0


async def _serve(port: int) -> None:
    stub = _Stub()
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(stub), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
