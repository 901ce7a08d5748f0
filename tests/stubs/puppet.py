"""A model provider on a bare socket: it says exactly the bytes it is told, and remembers what it was asked."""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self, TypeAlias

__all__ = ["Asked", "Puppet", "Step", "answer", "choice", "delta", "events", "said"]

Step: TypeAlias = bytes | Literal["hang", "close", "reset"]
"""What is sent; or to wait for the client to go, to hang up, to break the connection."""

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request; the names of headers in lower case."""

    target: str
    headers: Mapping[str, str]
    body: Any


class Puppet:
    """Listens on 127.0.0.1 while its block runs. Every request gets the next answer; the last one repeats.

    `hanging` is set when it waits for the client to go, and `gone` when the client went.
    """

    def __init__(self, *answers: Sequence[Step], tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self.connections = 0
        self.url = ""
        self.hanging = asyncio.Event()
        self.gone = asyncio.Event()
        self._answers = answers
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self._tls)
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while await self._serve(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            self.gone.set()
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        self.asked.append(await _request(reader))
        for step in self._answers[min(len(self.asked), len(self._answers)) - 1]:
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
                await asyncio.sleep(0)
            elif step == "hang":
                self.hanging.set()
                await reader.readexactly(1)
            else:
                _end(writer, reset=step == "reset")
                return False
        return True


async def _request(reader: asyncio.StreamReader) -> Asked:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(first.split(" ")[1], headers, json.loads(body) if body else None)


def _end(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    if reset:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.close()


def answer(body: Any, *, status: int = 200, kind: str = "application/json", **headers: str) -> bytes:
    """A whole answer: `body` as it is, or as JSON. A header's name has `_` for `-`."""
    said = body if isinstance(body, bytes) else json.dumps(body).encode()
    told = {"content-type": kind, "content-length": str(len(said)), **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in told.items())
    return f"HTTP/1.1 {status} Because\r\n{lines}\r\n".encode() + said


def events(*data: Any, end: bool = True) -> list[bytes]:
    """A stream: its head, each event in a chunk of its own, and, with `end`, `[DONE]` and the last chunk."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    said = [each if isinstance(each, bytes) else b"data: " + json.dumps(each).encode() + b"\n\n" for each in data]
    last = [b"data: [DONE]\n\n"] if end else []
    chunks = [f"{len(each):x}\r\n".encode() + each + b"\r\n" for each in (*said, *last)]
    return [head, *chunks, *([b"0\r\n\r\n"] if end else [])]


def choice(**message: Any) -> dict[str, Any]:
    """A completion in OpenAI's chat wire, with these members of its message."""
    said = {"role": "assistant", "content": None, **message}
    return {"id": "x", "object": "chat.completion", "choices": [{"index": 0, "message": said, "finish_reason": "stop"}]}


def delta(**members: Any) -> dict[str, Any]:
    """A chunk of a streamed one, with these members of its delta."""
    return {"id": "x", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": members}]}


def said(text: str, *, stream: bool) -> list[Step]:
    """An ordinary answer."""
    return [*events(delta(content=text))] if stream else [answer(choice(content=text))]
