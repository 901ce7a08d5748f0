"""Whose tokens are accepted: our own, by a secret, and those of one identity provider, by its public keys.

A token's algorithm says whose it must be, for the two have none in common, and nobody's key is ever tried on a token
of the other. After that its `iss` and `aud` must be that issuer's as well.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, TypeAlias

from bullpen.errors import Misconfigured, Unauthenticated
from bullpen.security.authentication.claims import OWN, ClaimMap
from bullpen.security.authentication.groups import Groups
from bullpen.security.authentication.jwks import KeySet
from bullpen.security.authentication.jwt import HS256, REFUSED, Header, Key, secret_key, sign

__all__ = ["NAME", "Issuer", "Own", "Provider"]

NAME: Final = "bullpen"
"""What we call ourselves in the `iss` of tokens we issue."""


class Own:
    """Tokens signed with the server's secret.

    Those of `POST /auth/token` have `iss: bullpen` and no audience. An operator's own program may sign others.

    Attributes:
        version: Another one whenever the secrets have changed.
        stale: Never; a secret does not age by itself.
    """

    algorithms = frozenset({HS256})
    claims = OWN
    groups = None
    stale = False

    def __init__(
        self,
        secret: str,
        *,
        older: Sequence[str] = (),
        issuers: Collection[str] | None = None,
        audiences: Collection[str] = (),
    ) -> None:
        """Takes the secrets, 32 bytes or more each.

        Args:
            secret: Signs, and verifies.
            older: Secrets that verify until what they have signed has expired.
            issuers: Further names in `iss` than our own and none; None for any.
            audiences: Names in `aud`, which a token of another program must then have; a token never has one else.

        Raises:
            Misconfigured: A secret is too short.
        """
        self._issuers = None if issuers is None else {*issuers, NAME}
        self._named = issuers is not None and bool(issuers)
        self._audiences = frozenset(audiences)
        self.version = 0
        self._keys = _secrets(secret, older)

    def replace(self, secret: str, *, older: Sequence[str] = ()) -> None:
        """From now on these secrets hold, also for tokens that were accepted already.

        Raises:
            Misconfigured: A secret is too short; those before still hold.
        """
        self._keys = _secrets(secret, older)
        self.version += 1

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A token of ours that says so."""
        return sign({"iss": NAME, **claims}, key=self._keys[0])

    def keys(self, header: Header) -> Sequence[Key]:
        """The key the token names, or all there are: other programs have names of their own for it."""
        return [key for key in self._keys if key.id == header.key_id] or self._keys

    async def find(self, header: Header) -> Sequence[Key]:
        """The same: all are known."""
        return self.keys(header)

    def accept(self, claims: Mapping[str, Any]) -> None:
        """Raises `Unauthenticated` unless the token is meant for us."""
        issuer = claims.get("iss")
        if issuer == NAME and "aud" not in claims:
            return
        if issuer is None and self._named:
            raise _refused("issuer")
        if issuer is not None and self._issuers is not None and issuer not in list(self._issuers):
            raise _refused("issuer")
        _check_audience(claims, self._audiences)


class Provider:
    """Tokens of an identity provider."""

    def __init__(
        self,
        keys: KeySet,
        *,
        issuer: str,
        audiences: Collection[str],
        algorithms: Collection[str],
        claims: ClaimMap,
        groups: Groups | None = None,
    ) -> None:
        """Takes what makes a token one of this provider's, and one for us.

        Args:
            keys: Its public keys.
            issuer: Its name, exactly as in `iss`.
            audiences: Our names, one of which `aud` must have; without any, a token must have no audience.
            algorithms: What it may sign with; never one with a shared secret.
            claims: What its claims mean.
            groups: What its groups are allowed.

        Raises:
            Misconfigured: An algorithm is one of ours.
        """
        self.algorithms = frozenset(algorithms)
        if shared := sorted(name for name in self.algorithms if name.startswith("HS") or name == "none"):
            raise Misconfigured(f"A provider's tokens cannot be signed with {shared[0]}: whoever verifies could sign.")
        self._keys = keys
        self._issuer = issuer
        self._audiences = frozenset(audiences)
        self.claims = claims
        self.groups = groups

    @property
    def version(self) -> int:
        """Another one whenever the keys or the groups have changed."""
        return self._keys.version + (self.groups.version if self.groups else 0)

    @property
    def stale(self) -> bool:
        """Whether its keys are too old to be trusted."""
        return self._keys.stale

    def keys(self, header: Header) -> Sequence[Key]:
        """The key the token names; none if it is not known yet."""
        key = self._keys.known(header)
        return () if key is None else (key,)

    async def find(self, header: Header) -> Sequence[Key]:
        """The same, after asking the provider if need be.

        Raises:
            DependencyDown: There are no keys that can be trusted.
        """
        key = await self._keys.find(header)
        return () if key is None else (key,)

    def accept(self, claims: Mapping[str, Any]) -> None:
        """Raises `Unauthenticated` unless the token is from this provider and meant for us."""
        if claims.get("iss") != self._issuer:
            raise _refused("issuer")
        _check_audience(claims, self._audiences)


Issuer: TypeAlias = Own | Provider


def _secrets(secret: str, older: Sequence[str]) -> Sequence[Key]:
    return [secret_key(each) for each in (secret, *older)]


def _check_audience(claims: Mapping[str, Any], ours: frozenset[str]) -> None:
    if "aud" not in claims and not ours:
        return
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if not any(isinstance(each, str) and each in ours for each in named):
        raise _refused("audience")


def _refused(reason: str) -> Unauthenticated:
    return Unauthenticated(REFUSED, facts={"reason": reason})
