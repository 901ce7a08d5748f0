"""A stream's end: told whatever ends it, also to a reader who is slow."""

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import Any

import orjson
import pytest
from starlette.types import Message

from bullpen.api.sse import EventStream, wants_events
from bullpen.errors import CircuitOpen, DeadlineExceeded
from bullpen.messages import Delta, Event, Started

HEARTBEAT = b": heartbeat\n\n"


class Reader:
    """A caller who takes the head and the first event at once, and the rest when told to."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.got = asyncio.Event()
        self.bodies: list[bytes] = []
        self.ended = False

    async def send(self, message: Message) -> None:
        if self.bodies:
            await self.reads.wait()
        self.bodies.append(message.get("body", b""))
        self.ended = message["type"] == "http.response.body" and not message.get("more_body", False)
        if any(self.bodies):
            self.got.set()

    async def receive(self) -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    def last(self) -> Any:
        """The name and the data of the last event."""
        _, event, data = b"".join(self.bodies).decode().strip().split("\n\n")[-1].split("\n")
        return event.removeprefix("event: "), orjson.loads(data.removeprefix("data: "))


def scope() -> dict[str, Any]:
    return {"type": "http", "path": "/agent/execute", "state": {"request_id": "req_1", "started": 0.0}}


async def chatter(*, seconds: float, late: asyncio.Event) -> AsyncGenerator[Event]:
    """Talks without a pause until its deadline, as a run does; `late` is set when that has passed."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                yield Delta("bla")
                await asyncio.sleep(0)
    except TimeoutError:
        late.set()
        raise DeadlineExceeded("too late") from None


async def test_a_deadline_that_passes_while_the_reader_is_slow_is_told() -> None:
    """The run's time ends while its next event waits for the reader: the stream ends in `error`, with 504."""
    reader, late = Reader(), asyncio.Event()
    stream = EventStream(chatter(seconds=0.05, late=late), heartbeat=15)
    telling = asyncio.create_task(stream(scope(), reader.receive, reader.send))
    async with asyncio.timeout(10):
        await late.wait()
        reader.reads.set()
        await telling
    name, problem = reader.last()
    assert (name, problem["status"]) == ("error", 504)
    assert reader.ended


async def begun(*, then: asyncio.Event) -> AsyncGenerator[Event]:
    """A run that begins, and fails when told to."""
    yield Started(run_id="run_1", session_id="ses_1", agent_type="a", agent_name="a_0")
    await then.wait()
    raise CircuitOpen("Left alone.", retry_after=7)


async def test_a_run_that_fails_as_it_begins_has_a_status_of_its_own() -> None:
    """A model known to be dead is a 503 with the time to come back, not a 200."""
    at_once = asyncio.Event()
    at_once.set()
    heads: list[Message] = []

    async def send(message: Message) -> None:
        heads.append(message)

    async with asyncio.timeout(10):
        await EventStream(begun(then=at_once), heartbeat=15)(scope(), Reader().receive, send)
    assert heads[0]["status"] == 503
    assert (b"retry-after", b"7") in heads[0]["headers"]


async def test_a_run_that_has_begun_is_told_without_a_word() -> None:
    """`start` is held back for a moment only; what fails later ends the stream."""
    reader, later = Reader(), asyncio.Event()
    reader.reads.set()
    telling = asyncio.create_task(EventStream(begun(then=later), heartbeat=15)(scope(), reader.receive, reader.send))
    async with asyncio.timeout(10):
        await reader.got.wait()
        assert reader.last()[0] == "start"
        later.set()
        await telling
    name, problem = reader.last()
    assert (name, problem["status"]) == ("error", 503)


async def test_what_came_while_the_reader_was_slow_is_told_in_one_piece() -> None:
    """No event is lost or told twice, and none waits for another's write."""
    reader, late = Reader(), asyncio.Event()
    stream = EventStream(chatter(seconds=0.05, late=late), heartbeat=15)
    telling = asyncio.create_task(stream(scope(), reader.receive, reader.send))
    async with asyncio.timeout(10):
        await late.wait()
        reader.reads.set()
        await telling
    ids = [int(line) for line in re.findall(rb"^id: (\d+)$", b"".join(reader.bodies), flags=re.MULTILINE)]
    assert ids == list(range(1, len(ids) + 1))
    assert len(reader.bodies) < len(ids)


async def test_a_silence_is_filled_with_heartbeats() -> None:
    """A run that says nothing for a while is told as comments, which no client takes for an event."""
    heard = asyncio.Event()

    async def thinking() -> AsyncGenerator[Event]:
        yield Delta("first")
        await heard.wait()
        yield Delta("second")

    class Listener(Reader):
        async def send(self, message: Message) -> None:
            await super().send(message)
            if self.bodies.count(HEARTBEAT) == 2:
                heard.set()

    reader = Listener()
    reader.reads.set()
    telling = asyncio.create_task(EventStream(thinking(), heartbeat=0.01)(scope(), reader.receive, reader.send))
    async with asyncio.timeout(10):
        await heard.wait()
    telling.cancel()
    await telling
    assert reader.bodies[2:4] == [HEARTBEAT, HEARTBEAT]


async def test_a_stream_the_server_gives_up_is_told() -> None:
    """A cancellation from outside ends a stream that has begun in `error`, with 503, and nothing is raised."""
    reader = Reader()
    reader.reads.set()
    stream = EventStream(chatter(seconds=60, late=asyncio.Event()), heartbeat=15)
    telling = asyncio.create_task(stream(scope(), reader.receive, reader.send))
    await reader.got.wait()
    telling.cancel()
    await telling
    name, problem = reader.last()
    assert (name, problem["status"], problem["success"]) == ("error", 503, False)
    assert reader.ended


async def test_a_stream_that_has_not_begun_is_given_up_outside() -> None:
    """Before the first event the cancellation goes on, to become an ordinary 503."""
    begun = asyncio.Event()

    async def silence() -> AsyncGenerator[Event]:
        begun.set()
        await asyncio.Event().wait()
        yield Delta("never")

    reader = Reader()
    telling = asyncio.create_task(EventStream(silence(), heartbeat=15)(scope(), reader.receive, reader.send))
    await begun.wait()
    telling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await telling
    assert reader.bodies == []


@pytest.mark.parametrize(
    ("accept", "wants"),
    [
        ("text/event-stream", True),
        ("application/json, Text/Event-Stream; q=0.5", True),
        ("text/event-stream;q=0", False),
        ("text/event-stream; Q = 0.000, application/json", False),
        ("text/event-stream;q=0.001", True),
        ("*/*", False),
        ("", False),
        (",;,=", False),
    ],
)
def test_who_wants_events(accept: str, wants: bool) -> None:
    """Events are for those who name them; `q=0` means never (RFC 9110, 12.4.2)."""
    assert wants_events(accept) is wants
