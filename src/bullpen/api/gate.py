"""The gate: who are you, and may you. Out comes a `Caller`, without which no story can be told."""

from starlette.requests import Request

from bullpen.caller import Caller
from bullpen.errors import Unauthenticated
from bullpen.security.authentication import Authenticator
from bullpen.security.authorization import Policy

__all__ = ["Gate"]


class Gate:
    """Admits requests."""

    def __init__(self, *, authenticator: Authenticator, policy: Policy) -> None:
        self._authenticator = authenticator
        self._policy = policy

    def admit(self, request: Request, permission: str | None = None) -> Caller:
        """The caller behind the request, who has the permission if one is asked for.

        Raises:
            Unauthenticated: No valid credential was shown, as `X-API-Key` or as bearer, or one of the headers twice.
            Forbidden: The caller lacks the permission.
        """
        scheme, _, credential = _only(request, "authorization").partition(" ")
        caller = self._authenticator.authenticate(
            api_key=_only(request, "x-api-key"),
            bearer=credential.strip() if scheme.lower() == "bearer" else None,
        )
        if permission is not None:
            self._policy.require(caller, permission)
        return caller


def _only(request: Request, name: str) -> str:
    """The header's value. Of two, a proxy and we might believe another one each."""
    values = request.headers.getlist(name)
    if len(values) > 1:
        raise Unauthenticated(f"The header {name} was sent {len(values)} times. Send it once.")
    return values[0] if values else ""
