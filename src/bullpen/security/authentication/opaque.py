"""Credentials that say nothing: `<prefix>_<id>_<secret>`.

The id is public, 12 letters and digits. The secret is 32 random bytes in hex, so a fast digest protects it as well as a
slow one would: there is nothing to guess.
"""

import re
import secrets
import string
from dataclasses import dataclass, field
from typing import ClassVar, Final, Self

__all__ = ["ApiKey", "Opaque", "RefreshToken", "is_id"]

_SHAPE: Final = re.compile(r"(b[pr])_([A-Za-z0-9]{12})_([0-9a-f]{64})")
_ID: Final = re.compile(r"[A-Za-z0-9]{12}")
_ALPHABET: Final = string.ascii_letters + string.digits
_ID_LENGTH: Final = 12
_SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Opaque:
    """A credential in the clear. Shown once to its owner, and never kept."""

    prefix: ClassVar[str]

    id: str
    secret: str = field(repr=False)

    @classmethod
    def generate(cls) -> Self:
        """A fresh one."""
        return cls("".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH)), secrets.token_hex(_SECRET_BYTES))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The one that was sent; None when it is not of this kind."""
        match = _SHAPE.fullmatch(text)
        if match is None or match[1] != cls.prefix:
            return None
        return cls(match[2], match[3])

    @property
    def text(self) -> str:
        """What the owner sends."""
        return f"{self.prefix}_{self.id}_{self.secret}"


def is_id(text: str) -> bool:
    """Whether it can be the id of a credential. What cannot may be a whole one, which must not be written down."""
    return _ID.fullmatch(text) is not None


class ApiKey(Opaque):
    """An API key, `bp_<id>_<secret>`."""

    __slots__ = ()
    prefix: ClassVar[str] = "bp"


class RefreshToken(Opaque):
    """What a client has its access token renewed with, `br_<id>_<secret>`."""

    __slots__ = ()
    prefix: ClassVar[str] = "br"
