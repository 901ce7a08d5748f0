"""Every request gets an id, a deadline, an answer whatever happens, a log line and its place in the metrics."""

import asyncio
import re
import time
from functools import cache
from typing import Final

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bullpen.api.errors import problem_response, translated
from bullpen.api.middleware.headers import guarded
from bullpen.messages import new_id
from bullpen.resilience import Deadline
from bullpen.telemetry import Metrics

__all__ = ["Arrival"]

_log = structlog.get_logger("bullpen.http")

# What a caller may name its request: short, and nothing that could forge a log line or a header.
_GIVEN_ID: Final = re.compile(r"[A-Za-z0-9._\-]{1,128}")
_NOTHING_SENT: Final = 499
_FIRST_REFUSAL: Final = 400
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Arrival:
    """The outermost room, and the only one in which an exception of any kind ends.

    Puts `request_id`, `started` and `deadline` into the request's state, answers what was raised, and writes down how
    it ended. `X-Request-ID` is taken from the caller when it is well formed, made otherwise, and always sent back.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, timeout: float) -> None:
        """`timeout` is the longest a request may take, seconds."""
        self._app = app
        self._timeout = timeout
        # Bound to their labels once: of routes, methods and statuses there are only so many.
        self._requests = cache(metrics.http_requests_total.labels)
        self._durations = cache(metrics.http_request_duration_seconds.labels)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Knows nothing but HTTP."""
        if scope["type"] != "http":
            return
        request_id = self._request_id(scope)
        started = time.monotonic()
        scope["state"] = {"request_id": request_id, "started": started, "deadline": Deadline.after(self._timeout)}
        scope["app"] = self  # the router then raises what it refuses, instead of answering in plain text
        structlog.contextvars.bind_contextvars(request_id=request_id)
        status = _NOTHING_SENT

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = guarded([*message["headers"], (b"x-request-id", request_id.encode())])
            await send(message)

        try:
            await self._app(scope, receive, send_guarded)
        except (Exception, asyncio.CancelledError) as error:
            refusal = translated(error, scope=scope)
            if status != _NOTHING_SENT:
                raise
            await problem_response(refusal, scope=scope)(scope, receive, send_guarded)
        finally:
            self._written_down(scope, status, time.monotonic() - started)

    @staticmethod
    def _request_id(scope: Scope) -> str:
        given = Headers(scope=scope).get("x-request-id", "")
        return given if _GIVEN_ID.fullmatch(given) else new_id("req")

    def _written_down(self, scope: Scope, status: int, duration: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._requests(route, method, status).inc()
        self._durations(route, method).observe(duration)
        # A success is told by the run's own line, and probes and scrapes would drown everything else.
        tell = _log.debug if status < _FIRST_REFUSAL else _log.info
        tell("http", route=route, method=method, status=status, duration=round(duration, 6))
