"""API keys: `bp_<id>_<secret>`.

The id is public, 12 letters and digits. The secret is 32 random bytes in hex, so a fast digest protects it as well
as a slow one would: there is nothing to guess. The digest is keyed with a pepper that is not in the database, so a
stolen table is of no use, and neither is a row written into it.
"""

import hmac
import math
import re
import secrets
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from bullpen.errors import FieldError, InvalidRequest
from bullpen.security.authentication.identity import DEFAULT_TENANT, is_tenant, is_user_id
from bullpen.security.authentication.ports import KeyRecord

__all__ = ["ApiKey", "digest", "generate", "issue", "parse", "pepper_from"]

_SHAPE: Final = re.compile(r"bp_([A-Za-z0-9]{12})_([0-9a-f]{64})")
_PERMISSION: Final = re.compile(r"\*|[A-Za-z0-9_.-]+(:[A-Za-z0-9_.-]+)*")
_ALPHABET: Final = string.ascii_letters + string.digits
_ID_LENGTH: Final = 12
_SECRET_BYTES: Final = 32
_LONGEST_NAME: Final = 128


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key in the clear. Shown once to its owner, and never kept."""

    id: str
    secret: str = field(repr=False)

    @property
    def text(self) -> str:
        """What the owner sends."""
        return f"bp_{self.id}_{self.secret}"


def generate() -> ApiKey:
    """A fresh key."""
    key_id = "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))
    return ApiKey(key_id, secrets.token_hex(_SECRET_BYTES))


def parse(text: str) -> ApiKey | None:
    """The key that was sent; None when it is not one of ours."""
    match = _SHAPE.fullmatch(text)
    return ApiKey(*match.groups()) if match else None


def digest(key: ApiKey, *, pepper: bytes) -> bytes:
    """HMAC-SHA256 of the whole key, id included, so that one key's digest is of no use to another."""
    return hmac.digest(pepper, key.text.encode(), "sha256")


def pepper_from(secret: str) -> bytes:
    """The pepper that belongs to the server's secret. Not the secret itself: that one also signs tokens."""
    return hmac.new(secret.encode(), b"bullpen: pepper of API keys", sha256).digest()


def issue(
    *,
    pepper: bytes,
    now: float,
    name: str,
    user_id: str,
    tenant: str = DEFAULT_TENANT,
    roles: Iterable[str] = (),
    permissions: Iterable[str] = (),
    attributes: Mapping[str, str | int] | None = None,
    lifetime: float | None = None,
) -> tuple[ApiKey, KeyRecord]:
    """A fresh key and the record to keep of it.

    Args:
        pepper: The server's, from `pepper_from`.
        now: Seconds since 1970.
        name: What people call the key, 1 to 128 characters.
        user_id: The key's owner.
        tenant: The owner's tenant.
        roles: The owner's roles.
        permissions: Granted beside those of the roles.
        attributes: Department, project and the like.
        lifetime: Seconds until it expires; None means never.

    Raises:
        InvalidRequest: Names every field that is wrong.
    """
    permissions = frozenset(permissions)
    _check(name=name, user_id=user_id, tenant=tenant, permissions=permissions, lifetime=lifetime)
    key = generate()
    return key, KeyRecord(
        id=key.id,
        digest=digest(key, pepper=pepper),
        name=name,
        user_id=user_id,
        tenant=tenant,
        roles=frozenset(roles),
        permissions=permissions,
        attributes=dict(attributes or {}),
        created_at=now,
        expires_at=None if lifetime is None else now + lifetime,
    )


def _check(*, name: str, user_id: str, tenant: str, permissions: Iterable[str], lifetime: float | None) -> None:
    rules = (
        ("name", 1 <= len(name) <= _LONGEST_NAME and name.isprintable(), "1 to 128 printable characters"),
        ("user_id", is_user_id(user_id), "1 to 128 printable characters, no space at either end"),
        ("tenant", is_tenant(tenant), "1 to 64 letters, digits, dots, dashes and underscores"),
        ("permissions", all(map(_PERMISSION.fullmatch, permissions)), "`*`, or words joined by colons"),
        ("lifetime", lifetime is None or 0 < lifetime < math.inf, "more than 0 seconds, and have an end"),
    )
    wrong = [FieldError(path, f"must be {expected}") for path, right, expected in rules if not right]
    if wrong:
        told = "; ".join(f"`{error.path}` {error.message}" for error in wrong)
        raise InvalidRequest(f"The key cannot be made: {told}.", fields=wrong)
