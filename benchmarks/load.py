"""The load: so many connections, each asking again as soon as it is answered, every prompt a new one."""

import asyncio
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count, repeat
from typing import Any, Final, NamedTuple, TypeAlias, cast

from benchmarks.answer import FIRST_TOKEN, answered, told
from benchmarks.wire import ANSWER

__all__ = ["Ask", "Load", "Right", "Target", "drive", "prompts"]

Right: TypeAlias = Callable[[int, bytes], bool]
"""Whether an answer is right: its status and its body."""

_PROMPTS: Final = count(1)
_FOREVER: Final = float("inf")


class Ask(NamedTuple):
    """One whole HTTP request, and which answers to it are right."""

    whole: bytes
    right: Right


@dataclass(frozen=True, slots=True)
class Target:
    """Where to ask: `body` makes the request's JSON from a prompt; without it all requests are the same.

    A right answer has `answer` in it. A right stream ends as it should, and its words are `answer`, all of it.
    """

    port: int
    path: str
    body: Callable[[str], Mapping[str, Any]] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: str = ANSWER.strip()
    stream: bool = False

    def asks(self) -> Iterator[Ask]:
        """Requests without end."""
        make = self.body
        if make is None:
            return repeat(self.ask({}))
        return (self.ask(make(prompt)) for prompt in prompts())

    def ask(self, body: Mapping[str, Any]) -> Ask:
        """One request with that body."""
        accept = {"Accept": "text/event-stream"} if self.stream else {}
        whole = _whole(self.port, self.path, body, headers={**self.headers, **accept})
        return Ask(whole, self._is_right_stream if self.stream else self._is_right)

    def _is_right(self, status: int, body: bytes) -> bool:
        return status == 200 and self.answer.encode() in body

    def _is_right_stream(self, status: int, body: bytes) -> bool:
        words = told(body) if status == 200 else None
        return words is not None and words.strip() == self.answer


def prompts() -> Iterator[str]:
    """Prompts without end, each a new one."""
    return (f"Question {number}: what does the fox jump over, and why?" for number in _PROMPTS)


def _whole(port: int, path: str, body: Mapping[str, Any], *, headers: Mapping[str, str]) -> bytes:
    content = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Content-Type: application/json"]
    head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items())]).encode()
    return head + b"\r\nContent-Length: %d\r\n\r\n" % len(content) + content


@dataclass(slots=True)
class Load:
    """What came of it, all in seconds.

    Attributes:
        seconds: From the first request to the last answer.
        latencies: Of every right answer.
        firsts: From the request to the first words of each right answer.
        wrong: The answers that were not right.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Right answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: int) -> float:
        """A latency, milliseconds."""
        return statistics.quantiles(self.latencies, n=100)[percent - 1] * 1000

    def first_token(self) -> float:
        """Median time to the first words, milliseconds."""
        return statistics.median(self.firsts) * 1000

    def checked(self) -> "Load":
        """Itself; raises RuntimeError when an answer was wrong, or there was none."""
        if self.wrong or not self.latencies:
            first = self.wrong[0] if self.wrong else "there was no answer at all"
            raise RuntimeError(f"{len(self.wrong)} answers were wrong, the first: {first}")
        return self


class _Connection(asyncio.Protocol):
    def __init__(self, asks: Iterator[Ask], load: Load, *, end: float, pause: float) -> None:
        self._asks = asks
        self._load = load
        self._end = end
        self._pause = pause
        self._received = b""
        self._first: float | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._first is None and FIRST_TOKEN in self._received:
            self._first = time.perf_counter() - self._asked
        answer = answered(self._received)
        if answer is None:
            return
        self._judge(*answer)
        self._received, self._first = b"", None
        if self._pause:
            asyncio.get_running_loop().call_later(self._pause * random.uniform(0.5, 1.5), self._next)
        else:
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._over:
            self._load.wrong.append(f"the connection was lost: {exc}")
        self.done.set_result(None)

    def _next(self) -> None:
        if self._transport.is_closing():
            return
        ask = next(self._asks, None) if time.perf_counter() < self._end else None
        if ask is None:
            self._over = True
            self._transport.close()
            return
        self._right = ask.right
        self._asked = time.perf_counter()
        self._transport.write(ask.whole)

    def _judge(self, status: int, body: bytes) -> None:
        latency = time.perf_counter() - self._asked
        if not self._right(status, body):
            self._load.wrong.append(f"{status}: {body[:300].decode(errors='replace')}")
            return
        self._load.latencies.append(latency)
        self._load.firsts.append(latency if self._first is None else self._first)


async def drive(
    port: int, asks: Iterator[Ask], *, connections: int, seconds: float = _FOREVER, pause: float = 0.0
) -> Load:
    """Asks for so many seconds, or until there is nothing more to ask, and waits for the last answers.

    `pause` is about the time, in seconds, that each connection lets pass between an answer and its next request. It is
    half of that to half as much again, lest all of them ask at the same moments.
    """
    load = Load()
    begin = time.perf_counter()
    loop = asyncio.get_running_loop()

    def connection() -> _Connection:
        return _Connection(asks, load, end=begin + seconds, pause=pause)

    opened = [await loop.create_connection(connection, "127.0.0.1", port) for _ in range(connections)]
    await asyncio.gather(*(each.done for _, each in opened))
    load.seconds = time.perf_counter() - begin
    return load
