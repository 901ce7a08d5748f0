"""API keys: a fresh one, and what is kept of it."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Final

from bullpen.errors import FieldError, InvalidRequest
from bullpen.security.authentication.identity import DEFAULT_TENANT, is_tenant, is_user_id
from bullpen.security.authentication.opaque import ApiKey
from bullpen.security.authentication.pepper import Pepper
from bullpen.security.authentication.ports import KeyRecord

__all__ = ["issue"]

_PERMISSION: Final = re.compile(r"\*|[A-Za-z0-9_.-]+(:[A-Za-z0-9_.-]+)*")
_LONGEST_NAME: Final = 128
_MOST: Final = 100  # roles, permissions and attributes of one key
_PERMISSIONS: Final = f"`*`, or words joined by colons, {_MOST} at most"


def issue(
    *,
    pepper: Pepper,
    now: float,
    name: str,
    user_id: str,
    tenant: str = DEFAULT_TENANT,
    roles: Iterable[str] = (),
    permissions: Iterable[str] = (),
    attributes: Mapping[str, str | int] | None = None,
    lifetime: float | None = None,
    created_by: str = "",
) -> tuple[ApiKey, KeyRecord]:
    """A fresh key and the record to keep of it.

    Args:
        pepper: The server's, today's.
        now: Seconds since 1970.
        name: What people call the key, 1 to 128 characters.
        user_id: The key's owner.
        tenant: The owner's tenant.
        roles: The owner's roles.
        permissions: Granted beside those of the roles.
        attributes: Department, project and the like.
        lifetime: Seconds until it expires; None means never.
        created_by: Who makes it, as `tenant:user`; empty for the command line.

    Raises:
        InvalidRequest: Names every field that is wrong.
    """
    roles, permissions, attributes = frozenset(roles), frozenset(permissions), dict(attributes or {})
    rules = (
        ("name", 1 <= len(name) <= _LONGEST_NAME and name.isprintable(), "1 to 128 printable characters"),
        ("user_id", is_user_id(user_id), "1 to 128 printable characters, no space at either end"),
        ("tenant", is_tenant(tenant), "1 to 64 letters, digits, dots, dashes and underscores"),
        ("roles", len(roles) <= _MOST and all(map(_is_text, roles)), f"{_MOST} printable words at most"),
        ("permissions", len(permissions) <= _MOST and all(map(_PERMISSION.fullmatch, permissions)), _PERMISSIONS),
        ("attributes", len(attributes) <= _MOST and all(map(_is_text, attributes)), f"{_MOST} at most, with names"),
        ("lifetime", lifetime is None or 0 < lifetime < math.inf, "more than 0 seconds, and have an end"),
    )
    _check(rules)
    key = ApiKey.generate()
    return key, KeyRecord(
        id=key.id,
        digest=pepper.digest(key),
        pepper=pepper.id,
        name=name,
        user_id=user_id,
        tenant=tenant,
        roles=roles,
        permissions=permissions,
        attributes=attributes,
        created_at=now,
        created_by=created_by,
        expires_at=None if lifetime is None else now + lifetime,
    )


def _is_text(word: str) -> bool:
    return 1 <= len(word) <= _LONGEST_NAME and word.isprintable()


def _check(rules: Iterable[tuple[str, bool, str]]) -> None:
    wrong = [FieldError(path, f"must be {expected}") for path, right, expected in rules if not right]
    if wrong:
        told = "; ".join(f"`{error.path}` {error.message}" for error in wrong)
        raise InvalidRequest(f"The key cannot be made: {told}.", fields=wrong)
