"""A body that is too large is refused before it is read."""

from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bullpen.api.errors import problem_response
from bullpen.errors import BodyTooLarge

__all__ = ["BodyLimit"]

_MOST_DIGITS: Final = 18
"""Of a length; zeros in front of it are allowed by HTTP, and a number of thousands of digits is one Python refuses."""


class BodyLimit:
    """Refuses a body by its declared length, and stops reading one that turns out longer (P28)."""

    def __init__(self, app: ASGIApp, *, default: int, routes: Mapping[str, int]) -> None:
        """`default` is in bytes; `routes` has other limits, by path."""
        self._app = app
        self._default = default
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on whatever is not HTTP."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._routes.get(scope["path"], self._default)
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdecimal() and (len(declared) > _MOST_DIGITS or int(declared) > limit):
            # The rest of the body stays unread, so this connection cannot be used again.
            refusal = problem_response(self._refusal(limit), scope=scope)
            refusal.headers["Connection"] = "close"
            await refusal(scope, receive, send)
            return
        read = 0

        async def receive_bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                raise self._refusal(limit)
            return message

        await self._app(scope, receive_bounded, send)

    @staticmethod
    def _refusal(limit: int) -> BodyTooLarge:
        return BodyTooLarge(f"The body is larger than {limit} bytes, the limit of this route. Send a smaller one.")
