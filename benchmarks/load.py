"""The load: so many connections, each asking again as soon as it is answered, every prompt a new one."""

import asyncio
import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count, repeat
from typing import Any, Final, cast

from benchmarks.model import ANSWER

__all__ = ["Load", "Target", "drive"]

_HEAD_END: Final = b"\r\n\r\n"
_PROMPTS: Final = count(1)


@dataclass(frozen=True, slots=True)
class Target:
    """Where to ask: `body` makes the request's JSON from a prompt; without it all requests are the same.

    A right answer has `answer` in it.
    """

    port: int
    path: str
    body: Callable[[str], Mapping[str, Any]] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: str = ANSWER.strip()

    def requests(self) -> Iterator[bytes]:
        """Whole HTTP requests without end."""
        lines = [f"POST {self.path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", "Content-Type: application/json"]
        head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in self.headers.items())]).encode()
        make = self.body
        if make is None:
            return repeat(_whole(head, {}))
        prompts = (f"Question {number}: what does the fox jump over, and why?" for number in _PROMPTS)
        return (_whole(head, make(prompt)) for prompt in prompts)


def _whole(head: bytes, body: Mapping[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    return head + b"\r\nContent-Length: %d\r\n\r\n" % len(content) + content


@dataclass(slots=True)
class Load:
    """What came of it: seconds from the first request to the last answer, each latency in seconds, what was wrong."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Right answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: int) -> float:
        """A latency, milliseconds."""
        return statistics.quantiles(self.latencies, n=100)[percent - 1] * 1000


class _Connection(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], answer: bytes, load: Load, end: float) -> None:
        self._requests = requests
        self._answer = answer
        self._load = load
        self._end = end
        self._received = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(_HEAD_END)
        if not end or len(body) < _content_length(head):
            return
        self._received = b""
        self._judge(head, body)
        if time.perf_counter() < self._end:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc or time.perf_counter() < self._end:
            self._load.wrong.append(f"the connection was lost: {exc}")
        self.done.set_result(None)

    def _ask(self) -> None:
        self._asked = time.perf_counter()
        self._transport.write(next(self._requests))

    def _judge(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"HTTP/1.1 200 ") and self._answer in body:
            self._load.latencies.append(time.perf_counter() - self._asked)
        else:
            status = head.partition(b"\r\n")[0] + b": " + body[:300]
            self._load.wrong.append(status.decode(errors="replace"))


def _content_length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])


async def drive(target: Target, *, connections: int, seconds: float) -> Load:
    """Asks for so many seconds and waits for the last answers."""
    load = Load()
    requests, answer = target.requests(), target.answer.encode()
    begin = time.perf_counter()
    loop = asyncio.get_running_loop()

    def connection() -> _Connection:
        return _Connection(requests, answer, load, begin + seconds)

    opened = [await loop.create_connection(connection, "127.0.0.1", target.port) for _ in range(connections)]
    await asyncio.gather(*(each.done for _, each in opened))
    load.seconds = time.perf_counter() - begin
    return load
