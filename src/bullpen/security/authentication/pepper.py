"""The peppers: what digests of credentials are keyed with.

They are derived from the server's secrets and not in the database, so a stolen table is of no use, and neither is a row
written into it. While a secret is being replaced there are several of them, and each digest says by which it was made.
"""

import hmac
import secrets
from hmac import compare_digest
from typing import Final, Literal, NamedTuple, Protocol

from bullpen.security.authentication.opaque import Opaque

__all__ = ["Digested", "Pepper", "Peppers", "pepper_from"]

_DUMMY: Final = secrets.token_bytes(32)
"""Compared with when there is nothing to compare with: random, so that nothing fits."""


class Digested(Protocol):
    """What was kept of a credential."""

    @property
    def digest(self) -> bytes:
        """See `Pepper.digest`."""
        ...

    @property
    def pepper(self) -> str:
        """The id of the pepper; empty when it was made before peppers had ids."""
        ...


class Pepper(NamedTuple):
    """One pepper, and the id that rows know it by; the id tells nothing of either it or the secret."""

    id: str
    value: bytes

    def __repr__(self) -> str:
        return f"Pepper({self.id})"

    def digest(self, credential: Opaque) -> bytes:
        """HMAC-SHA256 of the whole text, id included, so that one credential's digest is of no use to another."""
        return hmac.digest(self.value, credential.text.encode(), "sha256")


def pepper_from(secret: str) -> Pepper:
    """The pepper that belongs to one of the server's secrets. Not the secret itself: that one also signs tokens."""
    value = hmac.digest(secret.encode(), b"bullpen: pepper of API keys", "sha256")
    return Pepper(hmac.digest(value, b"id", "sha256").hex()[:8], value)


class Peppers:
    """Today's pepper, and older ones that some digests still hang on."""

    def __init__(self, secret: str, *older: str) -> None:
        """Takes the server's secret, and those it had before."""
        self.replace(secret, *older)

    def replace(self, secret: str, *older: str) -> None:
        """From now on these secrets hold."""
        self.current = pepper_from(secret)
        self._all = {pepper.id: pepper for pepper in (*map(pepper_from, older), self.current)}

    def age(self, kept: Digested) -> Literal["current", "older", "unknown"]:
        """Which secret a digest hangs on; `unknown` is one that is not here, so that nothing can ever fit."""
        if kept.pepper == self.current.id:
            return "current"
        return "older" if not kept.pepper or kept.pepper in self._all else "unknown"

    def fits(self, credential: Opaque, kept: Digested | None) -> bool:
        """Whether this is the credential that was digested.

        Without `kept`, or with one by a pepper that is gone, it costs the same work: nobody learns from the time it
        takes which ids exist.
        """
        if kept is not None and not kept.pepper:
            return self.pepper_of(credential, kept.digest) is not None
        pepper = self._all.get(self.current.id if kept is None else kept.pepper)
        expected = _DUMMY if kept is None or pepper is None else kept.digest
        return compare_digest((pepper or self.current).digest(credential), expected)

    def pepper_of(self, credential: Opaque, digest: bytes) -> Pepper | None:
        """The pepper that makes this digest of the credential; None when none does."""
        fitting = [pepper for pepper in self._all.values() if compare_digest(pepper.digest(credential), digest)]
        return fitting[0] if fitting else None
