"""API keys: a fresh one, and what is kept of it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import orjson

from bullpen.errors import FieldError, InvalidRequest
from bullpen.security.authentication.identity import DEFAULT_TENANT, is_tenant, is_user_id
from bullpen.security.authentication.opaque import ApiKey
from bullpen.security.authentication.pepper import Pepper
from bullpen.security.authentication.ports import KeyRecord

__all__ = ["LONGEST_LIFE", "issue"]

LONGEST_LIFE: Final = 100 * 366 * 86_400.0
"""Seconds a key may live that expires at all."""

_PERMISSION: Final = re.compile(r"\*|[A-Za-z0-9_.-]+(:[A-Za-z0-9_.-]+)*")
_LONGEST: Final = 128
_MOST: Final = 100  # roles, permissions and attributes of one key
_LARGEST: Final = 2**53  # what every reader of JSON agrees on
_ROOM: Final = 4096  # bytes; a token that says all of it must still fit into a header
_ATTRIBUTES: Final = f"{_MOST} at most, each with a name, and printable text or a whole number below 2^53"
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
    key = ApiKey.generate()
    record = KeyRecord(
        id=key.id,
        digest=pepper.digest(key),
        pepper=pepper.id,
        name=name,
        user_id=user_id,
        tenant=tenant,
        roles=frozenset(roles),
        permissions=frozenset(permissions),
        attributes=dict(attributes or {}),
        created_at=now,
        created_by=created_by,
        expires_at=None if lifetime is None else now + lifetime,
    )
    _check(_rules(record, lifetime))
    room = orjson.dumps([sorted(record.roles), sorted(record.permissions), record.attributes])
    _check([("rights", len(room) <= _ROOM, f"{_ROOM} bytes at most: roles, permissions and attributes together")])
    return key, record


def _rules(record: KeyRecord, lifetime: float | None) -> Iterator[tuple[str, bool, str]]:
    """Field, whether it is right, and what it must be."""
    roles, permissions, attributes = record.roles, record.permissions, record.attributes
    yield "name", _is_text(record.name), "1 to 128 printable characters"
    yield "user_id", is_user_id(record.user_id), "1 to 128 printable characters, no space at either end"
    yield "tenant", is_tenant(record.tenant), "1 to 64 letters, digits, dots, dashes and underscores"
    yield "roles", len(roles) <= _MOST and all(map(_is_text, roles)), f"{_MOST} printable words at most"
    yield "permissions", len(permissions) <= _MOST and all(map(_PERMISSION.fullmatch, permissions)), _PERMISSIONS
    yield "attributes", len(attributes) <= _MOST and all(map(_is_attribute, attributes.items())), _ATTRIBUTES
    yield "lifetime", lifetime is None or 0 < lifetime <= LONGEST_LIFE, "more than 0 seconds, and at most 100 years"


def _is_text(word: str) -> bool:
    return 1 <= len(word) <= _LONGEST and word.isprintable()


def _is_attribute(attribute: tuple[str, str | int]) -> bool:
    name, value = attribute
    return _is_text(name) and (_is_text(value) if isinstance(value, str) else abs(value) < _LARGEST)


def _check(rules: Iterable[tuple[str, bool, str]]) -> None:
    wrong = [FieldError(path, f"must be {expected}") for path, right, expected in rules if not right]
    if wrong:
        told = "; ".join(f"`{error.path}` {error.message}" for error in wrong)
        raise InvalidRequest(f"The key cannot be made: {told}.", fields=wrong)
