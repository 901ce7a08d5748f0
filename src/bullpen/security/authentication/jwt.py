"""Tokens: JSON Web Tokens (RFC 7519) signed with HS256 and the server's secret."""

import re
from collections.abc import Mapping
from typing import Any, Final

import jwt
from jwt.types import Options

from bullpen.caller import Caller
from bullpen.clock import Clock, SystemClock
from bullpen.errors import Misconfigured, Unauthenticated
from bullpen.security.authentication.identity import DEFAULT_TENANT, is_tenant, is_user_id

__all__ = ["Tokens"]

_DAY: Final = 86_400.0
_SHORTEST_SECRET: Final = 32
_LARGEST: Final = 2**53
_REFUSED: Final = "The token is not valid."
# RFC 7515 §2: no padding. The library's decoder would also skip whatever is not of the alphabet.
_SHAPE: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_ALGORITHMS: Final = ["HS256"]
# Times are held against our own clock; `sub`, `iss` and `jti` are not relied on.
_OPTIONS: Final[Options] = {
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_sub": False,
    "verify_iss": False,
    "verify_jti": False,
}


class Tokens:
    """Verifies tokens.

    Claims: `user_id` (or `sub`, when there is no `user_id`), `exp` and `iat` are needed; `nbf` is respected; `tenant`
    (default `default`), `roles`, `permissions` (lists of strings) and `attributes` (strings and whole numbers by
    name) may be there. A token made for an audience is refused: there is none that this server is.
    """

    def __init__(
        self,
        secret: str,
        *,
        leeway: float = 10.0,
        max_age: float = _DAY,
        clock: Clock | None = None,
    ) -> None:
        """Takes what every token is held against.

        Args:
            secret: What tokens are signed with; 32 bytes or more, as RFC 7518 §3.2 asks.
            leeway: By how much the signer's clock may differ, seconds.
            max_age: Oldest `iat` accepted, seconds, whatever `exp` says.
            clock: Tells the time tokens are held against.

        Raises:
            Misconfigured: The secret is too short.
        """
        if len(secret.encode()) < _SHORTEST_SECRET:
            raise Misconfigured(
                f"The secret that signs tokens is shorter than {_SHORTEST_SECRET} bytes. Try `openssl rand -hex 32`."
            )
        self._secret = secret
        self._leeway = leeway
        self._max_age = max_age
        self._clock = clock or SystemClock()

    def verify(self, token: str) -> Caller:
        """The caller a token speaks of.

        Raises:
            Unauthenticated: It is forged, expired, too old, not yet valid or not well-formed; the text does not say
                which.
        """
        claims = self._claims(token)
        self._check_times(claims)
        user_id = claims.get("user_id", claims.get("sub"))
        tenant = claims.get("tenant", DEFAULT_TENANT)
        if not is_user_id(user_id) or not is_tenant(tenant):
            raise Unauthenticated(_REFUSED)
        return Caller(
            user_id=user_id,
            tenant=tenant,
            credential="jwt",
            roles=_names(claims.get("roles", [])),
            permissions=_names(claims.get("permissions", [])),
            attributes=_attributes(claims.get("attributes", {})),
        )

    def _claims(self, token: str) -> Mapping[str, Any]:
        if not _SHAPE.fullmatch(token):
            raise Unauthenticated(_REFUSED)
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                self._secret,
                algorithms=_ALGORITHMS,
                options=_OPTIONS,
            )
        except Exception as error:  # whatever a token does to the library, it is no valid token
            raise Unauthenticated(_REFUSED) from error
        return claims

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._clock.now()
        issued, expires = _time(claims.get("iat")), _time(claims.get("exp"))
        begins = _time(claims.get("nbf", issued))
        expired = now >= expires + self._leeway or now - issued > self._max_age
        early = max(issued, begins) > now + self._leeway
        if expired or early:
            raise Unauthenticated(_REFUSED)


def _time(value: object) -> float:
    # The bound also keeps out NaN, infinity and whole numbers that no float can hold.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LARGEST:
        raise Unauthenticated(_REFUSED)
    return value


def _names(value: object) -> frozenset[str]:
    if not isinstance(value, list) or not all(map(_is_text, value)):
        raise Unauthenticated(_REFUSED)
    return frozenset(value)


def _attributes(value: object) -> dict[str, str | int]:
    if not isinstance(value, dict) or not all(_is_text(name) and _is_plain(entry) for name, entry in value.items()):
        raise Unauthenticated(_REFUSED)
    return value


def _is_plain(value: object) -> bool:
    return _is_text(value) or (type(value) is int and abs(value) < _LARGEST)


def _is_text(value: object) -> bool:
    # Printable keeps out lone surrogates, which JSON allows and UTF-8 cannot write.
    return isinstance(value, str) and value.isprintable()
