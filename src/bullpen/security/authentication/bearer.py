"""Tokens: from the text a request carries to the caller it speaks of."""

import hashlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from cachebox import LRUCache

from bullpen.caller import Caller
from bullpen.clock import Clock, SystemClock
from bullpen.errors import Unauthenticated
from bullpen.security.authentication.issuers import Issuer, Own, Provider
from bullpen.security.authentication.jwt import REFUSED, Header, claims_of, header_of

__all__ = ["Marks", "Tokens"]

Marks: TypeAlias = Mapping[str, str]
"""What a token of ours may be revoked by: `sid`, its family, and `jti`, itself."""

_LONGEST: Final = 8 * 1024
_DAY: Final = 86_400.0
_LARGEST: Final = 2**53
_MARKS: Final = ("sid", "jti")
_NAME: Final = re.compile(r"[\w.-]{1,64}", re.ASCII)
_NOBODY: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class _Seen:
    """A token that was good, and what must still be looked at when it comes again. Times are seconds since 1970."""

    caller: Caller
    issuer: Issuer
    version: int
    expires: float
    ages: float
    marks: Marks


class Tokens:
    """Verifies tokens. One that was seen before costs a digest and a look; it is never trusted beyond its time.

    Failure mode: closed. Whatever cannot be verified is refused.
    """

    def __init__(
        self,
        secret: str,
        *,
        older: Sequence[str] = (),
        issuers: Collection[str] | None = None,
        audiences: Collection[str] = (),
        provider: Provider | None = None,
        revoked: Callable[[Marks], bool] | None = None,
        leeway: float = 10.0,
        max_age: float = _DAY,
        remember: int = 4096,
        clock: Clock | None = None,
    ) -> None:
        """Takes what every token is held against.

        Args:
            secret: What tokens of our own are signed with; 32 bytes or more, as RFC 7518 §3.2 asks.
            older: Secrets that verify, and sign no more.
            issuers: See `Own`, as for `audiences`.
            audiences: The same.
            provider: Whose tokens are accepted besides.
            revoked: Says whether one of our own was withdrawn; asked every time.
            leeway: By how much the signer's clock may differ, seconds.
            max_age: Oldest `iat` accepted, seconds, whatever `exp` says.
            remember: How many good tokens are remembered.
            clock: Tells the time tokens are held against.

        Raises:
            Misconfigured: A secret is too short.
        """
        self._own = Own(secret, older=older, issuers=issuers, audiences=audiences)
        self._provider = provider
        self._revoked = revoked or _nothing
        self._leeway = leeway
        self._max_age = max_age
        self._clock = clock or SystemClock()
        # By digest, so that no credential lies in memory for longer than its request.
        self._seen: LRUCache[bytes, _Seen] = LRUCache(remember)

    def replace_secrets(self, secret: str, *, older: Sequence[str] = ()) -> None:
        """From now on these hold. A token signed with none of them is refused, also if it was accepted before.

        Raises:
            Misconfigured: One is too short; those before still hold.
        """
        self._own.replace(secret, older=older)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A token of our own, signed with the newest secret. `sid` and `jti` are what it can be revoked by."""
        return self._own.sign(claims)

    async def verify(self, token: str) -> Caller:
        """The caller a token speaks of. Waits only for a key that is not known yet.

        Raises:
            Unauthenticated: It is forged, expired, too old, not yet valid, revoked, for somebody else or not
                well-formed; the text does not say which, and `event` and `facts` do. Only groups that were left out
                are told.
            DependencyDown: The provider's keys cannot be had.
        """
        if len(token) > _LONGEST or not token.isascii():
            raise _refused("form")
        digest = hashlib.sha256(token.encode()).digest()
        seen = self._seen.get(digest, None)
        if seen is not None and seen.version == seen.issuer.version and not seen.issuer.stale:
            return self._again(seen)
        header = header_of(token)
        issuer = self._issuer(header)
        keys = issuer.keys(header) or await issuer.find(header)
        version = issuer.version
        claims = next((found for key in keys if (found := claims_of(token, key)) is not None), None)
        if claims is None:
            raise _refused("signature" if keys else "unknown_key")
        seen = self._first(claims, issuer, version)
        self._seen[digest] = seen
        return seen.caller

    def _issuer(self, header: Header) -> Issuer:
        for issuer in (self._own, self._provider):
            if issuer is not None and header.algorithm in issuer.algorithms:
                return issuer
        raise _refused("algorithm")

    def _first(self, claims: Mapping[str, Any], issuer: Issuer, version: int) -> _Seen:
        """A token with a good signature, seen for the first time."""
        try:
            issuer.accept(claims)
            expires, ages = self._times(claims)
            marks = _marks(claims) if issuer is self._own else _NOBODY
            roles_of = issuer.groups.roles_of if issuer.groups else None
            caller = issuer.claims.caller(claims, credential=_credential(marks), roles_of=roles_of)
        except Unauthenticated as error:
            error.facts = {**error.facts, **issuer.claims.about(claims)}
            raise
        self._check_marks(marks, caller)
        return _Seen(caller, issuer, version, expires, ages, marks)

    def _again(self, seen: _Seen) -> Caller:
        """A token that was accepted before."""
        now = self._clock.now()
        if now >= seen.expires:
            raise _refused("expired", event="token_expired", user_id=seen.caller.user_id)
        if now > seen.ages:
            raise _refused("age", event="token_too_old", user_id=seen.caller.user_id)
        self._check_marks(seen.marks, seen.caller)
        return seen.caller

    def _times(self, claims: Mapping[str, Any]) -> tuple[float, float]:
        """When it expires and when it is too old."""
        now = self._clock.now()
        issued, expires = _time(claims.get("iat")), _time(claims.get("exp")) + self._leeway
        begins, ages = _time(claims.get("nbf", issued)), issued + self._max_age
        if now >= expires:
            raise _refused("expired", event="token_expired_signature")
        if now > ages:
            raise _refused("age", event="token_too_old")
        if max(issued, begins) > now + self._leeway:
            raise _refused("early")
        return expires, ages

    def _check_marks(self, marks: Marks, caller: Caller) -> None:
        if marks and self._revoked(marks):
            raise _refused("revoked", user_id=caller.user_id)


def _time(value: object) -> float:
    # The bound also keeps out whole numbers that no float can hold.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LARGEST:
        raise _refused("time")
    return value


def _marks(claims: Mapping[str, Any]) -> Marks:
    return {name: mark for name in _MARKS if isinstance(mark := claims.get(name), str) and _NAME.fullmatch(mark)}


def _credential(marks: Marks) -> str:
    """The family if there is one: it outlives each of its tokens."""
    name = marks.get("sid") or marks.get("jti")
    return f"jwt:{name}" if name else "jwt"


def _nothing(_: Marks) -> bool:
    return False


def _refused(reason: str, *, event: str = "token_invalid", **facts: str) -> Unauthenticated:
    return Unauthenticated(REFUSED, event=event, facts={"reason": reason, **facts})
