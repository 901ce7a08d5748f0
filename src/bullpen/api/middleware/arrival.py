"""Every request gets an id, a deadline, an answer whatever happens, a log line and its place in the metrics."""

import asyncio
import re
import time
from collections.abc import Coroutine, Iterable
from functools import cache
from typing import Any, Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bullpen.api.address import X_FORWARDED_FOR, Networks, client_of
from bullpen.api.errors import problem_response, translated
from bullpen.api.middleware.headers import guarded
from bullpen.errors import BullpenError, DependencyDown
from bullpen.messages import new_id
from bullpen.resilience import Deadline
from bullpen.telemetry import Metrics, logging

__all__ = ["Arrival"]

_log = structlog.get_logger("bullpen.http")

# What a caller may name its request: short, and nothing that could forge a log line or a header.
_GIVEN_ID: Final = re.compile(rb"[A-Za-z0-9._\-]{1,128}")
_NOTHING_SENT: Final = 499
_FIRST_REFUSAL: Final = 400
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Arrival:
    """The outermost room, and the only one in which an exception of any kind ends.

    Puts `request_id`, `started`, `deadline`, `address` and `secure` into the request's state, answers what was raised,
    and writes down how it ended. `X-Request-ID` is taken from the caller when it is well formed, made otherwise, and
    always sent back.

    The gate may leave a `trail` and a `visit` there. Nothing is sent before the trail is recorded, and when the request
    is over, whatever came of it, what is left of the trail is recorded and the visit ends.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics,
        timeout: float,
        proxies: Networks = (),
        forwarded_by: bytes = X_FORWARDED_FOR,
    ) -> None:
        """Takes what holds for every request.

        Args:
            app: What answers.
            metrics: Where requests are counted.
            timeout: The longest a request may take, seconds.
            proxies: Whose word about the client's address is taken.
            forwarded_by: The header they write it into.
        """
        self._app = app
        self._timeout = timeout
        self._proxies = proxies
        self._forwarded_by = forwarded_by
        self._leaving: set[asyncio.Task[None]] = set()
        # Bound to their labels once: of routes, methods and statuses there are only so many.
        self._requests = cache(metrics.http_requests_total.labels)
        self._durations = cache(metrics.http_request_duration_seconds.labels)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Knows nothing but HTTP."""
        if scope["type"] != "http":
            return
        request_id = self._request_id(scope)
        started = time.monotonic()
        address, secure = client_of(scope, self._proxies, header=self._forwarded_by)
        state: dict[str, Any] = {
            "request_id": request_id,
            "started": started,
            "deadline": Deadline.after(self._timeout),
            "address": address,
            "secure": secure,
        }
        scope["state"] = state
        scope["app"] = self  # the router then raises what it refuses, instead of answering in plain text
        structlog.contextvars.bind_contextvars(request_id=request_id)
        status = _NOTHING_SENT

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if "trail" in state and state["trail"].pending:
                await state["trail"].commit()
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _headers(message["headers"], state)
            await send(message)

        try:
            await self._app(scope, receive, send_guarded)
        except (Exception, asyncio.CancelledError) as error:
            refusal = translated(error, scope=scope)
            if status != _NOTHING_SENT:
                raise
            await self._refuse(refusal, scope, receive, send_guarded)
        finally:
            self._written_down(scope, status, time.monotonic() - started)
            await self._left(state)

    @staticmethod
    async def _refuse(refusal: BullpenError, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers with the refusal; or, when that cannot be recorded, with the reason why not."""
        try:
            await problem_response(refusal, scope=scope)(scope, receive, send)
        except DependencyDown as error:
            scope["state"]["trail"].abandon()
            await problem_response(error, scope=scope)(scope, receive, send)

    async def _left(self, state: dict[str, Any]) -> None:
        """Ends what the gate began. What waits does so in a task of its own, for this one may be cancelled."""
        if "trail" in state and state["trail"].pending:
            self._last(state["trail"].commit())
        if "visit" not in state or not state["visit"].holds:
            return
        if state["visit"].waits:
            self._last(state["visit"].leave())
        else:
            await state["visit"].leave()

    def _last(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._leaving.add(task)  # the loop holds tasks weakly
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._leaving.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.error("request_not_closed", exc_info=error)

    @staticmethod
    def _request_id(scope: Scope) -> str:
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        return given.decode() if _GIVEN_ID.fullmatch(given) else new_id("req")

    def _written_down(self, scope: Scope, status: int, duration: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._requests(route, method, status).inc()
        self._durations(route, method).observe(duration)
        # A success is told by the run's own line, and probes and scrapes would drown everything else.
        level = "debug" if status < _FIRST_REFUSAL else "info"
        if logging.hears(level):
            getattr(_log, level)("http", route=route, method=method, status=status, duration=round(duration, 6))


def _headers(sent: Iterable[tuple[bytes, bytes]], state: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    """What the desk says, with what is said of every answer."""
    headers = [*sent, (b"x-request-id", state["request_id"].encode())]
    if "visit" in state:
        given = {name for name, _ in headers}
        limits = ((name.lower().encode(), value.encode()) for name, value in state["visit"].headers.items())
        headers.extend(pair for pair in limits if pair[0] not in given)  # a refusal has told of its own
    return guarded(headers, secure=state["secure"])
