"""One connection: uvicorn's protocol, with the bounds and the manners it leaves to a proxy.

Before any of our rooms sees a request, somebody may send half a head and wait, a head without an end, or no HTTP.
"""

import asyncio
from typing import Any, Final

import httptools
import orjson
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from bullpen.api.errors import problem
from bullpen.api.middleware.headers import guarded
from bullpen.errors import BullpenError, Refused
from bullpen.messages import new_id

__all__ = ["SILENCE", "Connection", "Connections"]

SILENCE: Final = 2
"""Seconds after which a draining server closes a connection on which nothing comes."""

_log = structlog.get_logger("bullpen.http")

_LARGEST_HEAD: Final = 64 * 1024
_SENT_AHEAD: Final = 8
_UPGRADE: Final = frozenset({b"upgrade", b"connection", b"http2-settings"})


class Connections(ServerState):
    """What the connections of one server have in common.

    Attributes:
        draining: The server stops. What comes on a connection is answered still, and the answer closes it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.draining = False


class Connection(HttpToolsProtocol):
    """Speaks HTTP/1.1 with one caller.

    - A whole head must come within `timeout_keep_alive` of the connection's beginning, or of the answer before.
    - More than 64 KiB of head, or of what stands between the pieces of a body, are refused once they are read and there
      is no end of them. One read brings up to 256 KiB, so that much may pass.
    - What is not HTTP is answered with a problem.
    - An offer to upgrade is ignored, as RFC 9110 (7.8) allows, and the request answered over HTTP/1.1.
    - A caller who hangs up is missed by the request under way, also when up to eight others were sent behind it.
    - While the server drains, an idle connection waits for its next request: one may be on its way, and closing now
      would lose it. Its answer says `Connection: close`. After `SILENCE` without a request the connection is closed.
    """

    server_state: Connections
    _running: Any = None
    _last: Any = None
    _unframed = 0
    _declined = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own does
        """The time for the first head begins."""
        super().connection_made(transport)
        if self.server_state.draining:
            self.timeout_keep_alive = min(self.timeout_keep_alive, SILENCE)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells the request under way, where uvicorn tells only the one sent last."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()

    def data_received(self, data: bytes) -> None:
        """Reads on, and refuses what is not HTTP or has no end."""
        self._unframed += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._refuse("This is not an HTTP/1.1 request. Mend the client, or what stands between.")
            return
        if self._unframed > _LARGEST_HEAD:
            self._refuse(
                f"The head of the request is larger than {_LARGEST_HEAD} bytes. Send fewer or shorter headers."
            )

    def on_headers_complete(self) -> None:
        """The head is here; the connection is not idle any more."""
        self._unframed = 0
        self._declined = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if self._declined:
            return
        self._unset_keepalive_if_required()
        super().on_headers_complete()
        if self.server_state.draining:
            self._end_with(self.cycle)
        if len(self.pipeline) <= _SENT_AHEAD:
            self.flow.resume_reading()  # uvicorn stops here, and who does not read sees nobody hang up

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._unframed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is here whole."""
        self._unframed = 0
        if not self._declined:
            super().on_message_complete()

    def shutdown(self) -> None:
        """The server drains: the answer to what was sent is the last one, and silence ends the connection."""
        self.timeout_keep_alive = min(self.timeout_keep_alive, SILENCE)
        if self.cycle is None or self.cycle.response_complete:
            self._await_request()
        elif not self.cycle.response_started:
            self._end_with(self.cycle)

    def _await_request(self) -> None:
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _end_with(self, cycle: Any) -> None:
        """This answer closes the connection, and not one before it that was to do so: that would lose this one."""
        if self._last is not None and not self._last.response_started:
            self._last.keep_alive = True
        self._last = cycle if cycle.keep_alive else None
        cycle.keep_alive = False

    def _feed(self, data: bytes) -> None:
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                # After CONNECT there is no HTTP left to read, and no route for it either.
                data = self._declining(data[offer.args[0] :]) if self._declined else b""
            else:
                return

    def _declining(self, rest: bytes) -> bytes:
        """The request to read again, without its offer: the parser has taken the body for the other protocol's."""
        line = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        kept = [b"%b: %b" % pair for pair in self.headers if pair[0] not in _UPGRADE]
        self.parser = httptools.HttpRequestParser(self)
        return b"\r\n".join([line, *kept, b"", rest])

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _refuse(self, detail: str) -> None:
        """Answers, unless an answer has begun, and closes: a request under way is part of the same confusion."""
        _log.warning("http_refused", detail=detail)
        if self._running is None or self._running.response_complete or not self._running.response_started:
            self.transport.write(_refusal(Refused(detail)))
        self.transport.close()


def _refusal(error: BullpenError) -> bytes:
    request_id = new_id("req")
    body = orjson.dumps(problem(error, scope={"state": {"request_id": request_id}, "path": ""}))
    headers = guarded(
        [
            (b"content-type", b"application/problem+json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
            (b"x-request-id", request_id.encode()),
        ]
    )
    head = b"".join(b"%b: %b\r\n" % pair for pair in headers)
    return b"HTTP/1.1 400 Bad Request\r\n" + head + b"\r\n" + body
