"""One connection: uvicorn's protocol, with the bounds and the manners it leaves to a proxy.

Before any of our rooms sees a request, somebody may send half a head and wait, a head without an end, or no HTTP.
"""

import asyncio
from typing import Any, Final

import httptools
import orjson
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bullpen.api.errors import problem
from bullpen.api.middleware.headers import guarded
from bullpen.errors import BullpenError, Refused
from bullpen.messages import new_id

__all__ = ["Connection"]

_log = structlog.get_logger("bullpen.http")

_LARGEST_HEAD: Final = 64 * 1024
_SENT_AHEAD: Final = 8
_UPGRADE: Final = frozenset({b"upgrade", b"connection", b"http2-settings"})


class Connection(HttpToolsProtocol):
    """Speaks HTTP/1.1 with one caller.

    - A whole head must come within `timeout_keep_alive` of the connection's beginning, or of the answer before.
    - More than 64 KiB of head, or of what stands between the pieces of a body, are refused once they are read and there
      is no end of them. One read brings up to 256 KiB, so that much may pass.
    - What is not HTTP is answered with a problem.
    - An offer to upgrade is ignored, as RFC 9110 (7.8) allows, and the request answered over HTTP/1.1.
    - A caller who hangs up is missed by the request under way, also when up to eight others were sent behind it.
    """

    _running: Any = None
    _unframed = 0
    _declined = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own does
        """The time for the first head begins."""
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

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
