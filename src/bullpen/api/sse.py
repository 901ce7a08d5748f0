"""Server-sent events: a run told as it happens (WHATWG HTML, 9.2)."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any, Final

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bullpen.api.errors import problem_response, run_problem, translated
from bullpen.api.json import encoded
from bullpen.api.wire import answer_document
from bullpen.errors import BullpenError, Unexpected
from bullpen.messages import Delta, Done, Event, Started, ToolStep

__all__ = ["EventStream", "wants_events"]

_log = structlog.get_logger("bullpen.http")

_MEDIA_TYPE: Final = "text/event-stream"
_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),  # tells nginx to pass each event on at once
]
_NEVER: Final = re.compile(r"q=0(\.0*)?")
_HELD_BACK: Final = 0.1  # seconds
_HEARTBEAT: Final = b": heartbeat\n\n"
# A slow reader holds the model back after this many events, instead of filling the memory.
_BUFFER: Final = 64


def wants_events(accept: str) -> bool:
    """Whether an `Accept` header asks for events: names them, and not with the weight that means never."""
    return any(_accepts(*part.lower().split(";")) for part in accept.split(","))


def _accepts(media_type: str, *parameters: str) -> bool:
    weights = [parameter.replace(" ", "") for parameter in parameters]
    return media_type.strip() == _MEDIA_TYPE and not any(_NEVER.fullmatch(weight) for weight in weights)


class EventStream(Response):
    """Sends a run's events: `start`, `delta`, `tool`, and `done` or `error` last.

    A failure before the first word is an ordinary problem response, unless it comes later than a tenth of a second
    after the run has begun, for which `start` is held back, or after the first heartbeat. The events are drawn by one
    task of their own, because a run finds its model calls in that task's context.
    """

    def __init__(self, events: AsyncGenerator[Event], *, heartbeat: float) -> None:
        """`heartbeat` is the longest silence on the wire, seconds."""
        self.status_code = 200
        self.background = None
        self._events = events
        self._heartbeat = heartbeat
        self._queue: asyncio.Queue[Event | BullpenError | None] = asyncio.Queue(_BUFFER)
        self._begun = False
        self._ended = False
        self._sent = 0
        self._heard = asyncio.get_running_loop().time()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends until the run ends or the caller hangs up, and then leaves nothing running.

        A server that stops cancels this: a stream that has begun then ends in an `error` like any other.
        """
        try:
            await self._tell(scope, receive, send)
        except asyncio.CancelledError as error:
            if self._ended:
                return
            if not self._begun:
                raise
            given_up = self._encoded(translated(error, scope=scope), scope)
            await send({"type": "http.response.body", "body": given_up, "more_body": False})

    async def _tell(self, scope: Scope, receive: Receive, send: Send) -> None:
        drawing = asyncio.create_task(self._draw())
        sending = asyncio.create_task(self._send(scope, receive, send))
        leaving = asyncio.create_task(self._until_gone(receive))
        tasks = (drawing, sending, leaving)
        self._beat()
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._next_beat.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(asyncio.CancelledError, OSError):
            sending.result()

    async def _draw(self) -> None:
        try:
            async with aclosing(self._events) as events:
                async for event in events:
                    await self._put(event)
        except BullpenError as error:
            await self._queue.put(error)
        except Exception:  # noqa: BLE001 -- whatever it was, the caller must be told that the run has ended
            _log.exception("stream_unexpected_error")
            await self._queue.put(Unexpected("The stream failed inside Bullpen. The server's log has the traceback."))

    async def _put(self, event: Event) -> None:
        """Hands one event over, when the reader has made room.

        The run's deadline cancels the task that draws, wherever that waits, and only the run can tell such a
        cancellation from ours: so it is shown to the run, which raises what it means.
        """
        try:
            await self._queue.put(event)
        except asyncio.CancelledError as error:
            await self._events.athrow(error)

    def _beat(self) -> None:
        """Has a heartbeat sent when one is due, and looks again when the next could be.

        One timer a stream, which finds out how long the silence is: to start and stop one around every event would
        cost more than the event.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now - self._heard >= self._heartbeat:
            self._heard = now
            if self._queue.empty():
                self._queue.put_nowait(None)
        self._next_beat = loop.call_at(self._heard + self._heartbeat, self._beat)

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        items = await self._first()
        if isinstance(items[-1], BullpenError) and all(isinstance(item, Started | BullpenError) for item in items):
            await problem_response(items[-1], scope=scope)(scope, receive, send)
            return
        self._begun = True
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        while True:
            body = b"".join(_HEARTBEAT if item is None else self._encoded(item, scope) for item in items)
            last = isinstance(items[-1], Done | BullpenError)
            await send({"type": "http.response.body", "body": body, "more_body": not last})
            self._heard = asyncio.get_running_loop().time()
            if last:
                self._ended = True
                return
            items = await self._next()

    async def _first(self) -> list[Event | BullpenError | None]:
        """The first things to send: with `start` what comes right behind it.

        So a model that is known to be dead has a status of its own, and not a 200.
        """
        items = await self._next()
        if not isinstance(items[-1], Started):
            return items
        with suppress(TimeoutError):
            async with asyncio.timeout(_HELD_BACK):
                items += await self._next()
        return items

    async def _next(self) -> list[Event | BullpenError | None]:
        """Everything there is to send, at least one thing; None is a heartbeat.

        What came while the last was being sent leaves in one piece: the busier the process, the fewer writes.
        """
        items = [await self._queue.get()]
        while not self._queue.empty():
            items.append(self._queue.get_nowait())
        return items

    def _encoded(self, item: Event | BullpenError, scope: Scope) -> bytes:
        self._sent += 1
        name, data = _document(item, scope)
        return b"id: %d\nevent: %b\ndata: %b\n\n" % (self._sent, name, encoded(data))

    @staticmethod
    async def _until_gone(receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass


def _document(item: Event | BullpenError, scope: Scope) -> tuple[bytes, dict[str, Any]]:
    match item:
        case Started():
            return b"start", {
                "run_id": item.run_id,
                "session_id": item.session_id,
                "agent_type": item.agent_type,
                "agent_name": item.agent_name,
            }
        case Delta():
            return b"delta", {"text": item.text}
        case ToolStep():
            return b"tool", {"tool": item.tool, "call_id": item.call_id, "status": item.status}
        case Done():
            return b"done", answer_document(item.answer)
        case BullpenError():
            return b"error", run_problem(item, scope=scope)
