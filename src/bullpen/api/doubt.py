"""What a request shows to say who sent it, and what is done when it is not believed."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request

from bullpen.errors import Unauthenticated

__all__ = ["Doubt", "credentials", "is_guess"]

_FORGED: Final = frozenset({"form", "signature", "unknown"})
"""Reasons of `Unauthenticated`: no token at all, one that we never signed, a refresh token that we never gave."""


class Doubt:
    """Hands the refusal that ends its block to whoever writes it down; it goes on afterwards.

    A class, because the library's context managers made of generators cost seven times as much, twice a request.
    """

    __slots__ = ("_credential", "_request", "_told")

    def __init__(
        self, told: Callable[[Unauthenticated, Request, str], Awaitable[None]], request: Request, credential: str
    ) -> None:
        self._told = told
        self._request = request
        self._credential = credential

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, _: type[BaseException] | None, error: BaseException | None, __: object) -> None:
        if isinstance(error, Unauthenticated):
            await self._told(error, self._request, self._credential)


def is_guess(error: Unauthenticated) -> bool:
    """Whether nobody who was ever let in would show this; an expired token, say, is honest."""
    return error.event == "api_key_auth_failed" or error.facts.get("reason") in _FORGED


def credentials(request: Request) -> tuple[str, str]:
    """What was shown as `X-API-Key` and as bearer; raises `Unauthenticated` when one of the headers came twice."""
    scheme, _, credential = _only(request, "authorization").partition(" ")
    return _only(request, "x-api-key"), credential.strip() if scheme.lower() == "bearer" else ""


def _only(request: Request, name: str) -> str:
    """The header's value. Of two, a proxy and we might believe another one each."""
    values = request.headers.getlist(name)
    if len(values) > 1:
        raise Unauthenticated(f"The header {name} was sent {len(values)} times. Send it once.")
    return values[0] if values else ""
