"""The load: requests at a constant rate, whatever becomes of those before (an open loop), over connections kept alive.

Clients that wait for their answer before they ask again go slower when the server does, and hide it. Here a request is
timed from the moment it was due.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from tests.chaos.connection import Connection, Reply
from tests.chaos.judgement import PATIENCE, Result, judged
from tests.stubs.behaviour import ANSWER

__all__ = ["Ask", "Load", "Stream"]

_OUTSTANDING: Final = 3.0  # seconds after the deadline in which an answer is still waited for, to say how late it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is asked again and again.

    Attributes:
        agent: Its type.
        rate: Requests a second.
        timeout: The deadline of each, seconds.
        key: The caller's API key.
        stream: The answer is wanted as events.
        answer: What a good answer has in it.
        slack: Seconds an answer may be later than promised; 0 but where the machine is shared.
    """

    agent: str
    rate: float
    timeout: float
    key: str
    stream: bool = False
    answer: str = ANSWER
    slack: float = 0.0

    def whole(self, number: int) -> bytes:
        """The request, with a task of its own."""
        told = {"agent_type": self.agent, "task": f"Question {number}", "timeout": self.timeout}
        content = json.dumps(told).encode()
        accept = "text/event-stream" if self.stream else "application/json"
        head = (
            "POST /agent/execute HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"X-API-Key: {self.key}\r\nAccept: {accept}\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content


@dataclass(slots=True)
class Stream:
    """What came of the requests of one `Ask`, in the order they were answered."""

    ask: Ask
    results: list[Result] = field(default_factory=list)


class Load:
    """Asks a port of this machine; each request takes an idle connection, or opens one."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._running: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def going(self, *asks: Ask) -> AsyncIterator[Sequence[Stream]]:
        """Asks for the length of the block, and waits for the last answers after it: every request has a result."""
        streams = [Stream(ask) for ask in asks]
        pacing = [asyncio.create_task(self._pace(stream)) for stream in streams]
        try:
            yield streams
        finally:
            for task in pacing:
                task.cancel()
            await asyncio.gather(*pacing, return_exceptions=True)
            await asyncio.gather(*self._running)
            for connection in list(self._open):
                connection.close()

    async def _pace(self, stream: Stream) -> None:
        begin = time.monotonic()
        for number in count():
            due = begin + number / stream.ask.rate
            await asyncio.sleep(due - time.monotonic())
            task = asyncio.create_task(self._ask(stream, number, due))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _ask(self, stream: Stream, number: int, due: float) -> None:
        reply = await self._replied(stream.ask, number)
        ask = stream.ask
        late = ask.timeout + PATIENCE + ask.slack
        stream.results.append(judged(reply, wanted=ask.answer.encode(), sent=due, late=late))

    async def _replied(self, ask: Ask, number: int) -> Reply | str:
        """The reply, or in words why there is none."""
        try:
            connection = self._idle.pop() if self._idle else await self._connect()
        except OSError as error:
            return f"no connection: {error.strerror}"
        with suppress(TimeoutError):
            async with asyncio.timeout(ask.timeout + _OUTSTANDING):
                return await connection.ask(ask.whole(number))
        connection.close()
        return "no answer"

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: Connection(self._idle, self._open), "127.0.0.1", self._port
        )
        return connection
