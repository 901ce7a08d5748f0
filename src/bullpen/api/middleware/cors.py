"""Which web pages of other origins may call. None, unless the operator names them."""

from collections.abc import Collection
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from bullpen.api.middleware.headers import guarded

__all__ = ["Cors"]

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_SENT: Final = ("Authorization", "X-API-Key", "X-Request-ID", "Idempotency-Key", "Last-Event-ID", "traceparent")
_READ: Final = ("X-Request-ID", "Retry-After", "RateLimit", "RateLimit-Policy", "WWW-Authenticate")
_PREFLIGHT_HOLDS: Final = 600  # seconds a browser need not ask again


class Cors(CORSMiddleware):
    """The Fetch standard's answers, to the origins named.

    It stands around the hall, or a page could not read why it was refused: errors are answered there. A preflight has
    no credential, meets no guard, and is answered here. Without origins it is not put up, and no header of its kind
    is ever sent.
    """

    def __init__(self, app: ASGIApp, *, origins: Collection[str], credentials: bool = False) -> None:
        """Takes what the settings say.

        Args:
            app: The hall.
            origins: As browsers write them, `https://app.example.com`; or `*` for all.
            credentials: Whether browsers send cookies along, as a proxy in front may want. Not with `*`.
        """
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=_METHODS,
            allow_headers=_SENT,
            allow_credentials=credentials,
            expose_headers=_READ,
            max_age=_PREFLIGHT_HOLDS,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """The library's, with the headers every answer of ours has."""
        response = super().preflight_response(request_headers)
        response.raw_headers = guarded(response.raw_headers)
        return response
