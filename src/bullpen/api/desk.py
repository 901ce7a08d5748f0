"""A desk: one handler, as an ASGI application."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

__all__ = ["Desk"]


class Desk:
    """Hands the request to its handler and sends what comes back; what is raised is the hall's to answer."""

    def __init__(self, handler: Callable[[Request], Awaitable[Response]]) -> None:
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        response = await self._handler(Request(scope, receive, send))
        await response(scope, receive, send)
