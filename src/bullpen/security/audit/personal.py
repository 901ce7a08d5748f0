"""What a row says of people: kept beside the chain, where it can be erased, and bound to it by salted commitments.

A commitment is HMAC-SHA256 of the values under a random salt. With the values it proves them; once values and salt are
gone, it tells nothing. Who did something and whom it was done to are apart: one can be erased and the other stay.
"""

import hmac
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import orjson

from bullpen.security.audit.chain import Entry

__all__ = ["PERSONAL_DETAILS", "SALT_BYTES", "Part", "Role", "agrees", "committed", "indexed", "split", "values"]

Role: TypeAlias = Literal["actor", "subject"]

PERSONAL_DETAILS: Final = frozenset({"user_id", "key_owner", "owner", "name", "email"})
"""Details that are about a person. `user_id`, `key_owner` or `owner` says about whom."""

SALT_BYTES: Final = 16

_OF_ACTOR: Final = ("actor", "credential", "address", "user_agent")
_LONGEST: Final = 128


class Part(NamedTuple):
    """The personal values of one role in one row.

    Attributes:
        tenant: Whose chain the row is in.
        number: Of the row.
        role: Whether the person did it, or it was done to them.
        person: The user's id to find it by; empty when nobody is known.
        salt: In hexadecimal.
        body: The values, as the JSON that was written.
    """

    tenant: str
    number: int
    role: str
    person: str
    salt: str
    body: str


def split(told: Mapping[str, Any]) -> tuple[str, dict[str, tuple[str, str]]]:
    """The details that are not personal, and for each role that has some the person and the values; as JSON.

    Args:
        told: An event as it travels through the outbox.
    """
    details = told["details"]
    about = {name: details[name] for name in PERSONAL_DETAILS & details.keys()}
    plain = {name: value for name, value in details.items() if name not in about} if about else details
    doer = {name: told[name] for name in _OF_ACTOR if told[name]}
    found: dict[str, tuple[str, str]] = {}
    if about and _person(about) not in {"", told["actor"]}:
        found["subject"] = indexed(_person(about)), _json(about)
    elif about:
        doer["details"] = about
    if doer:
        found["actor"] = indexed(told["actor"]), _json(doer)
    return _json(plain), found


def committed(salt: str, body: str) -> str:
    """The commitment to these values, in hexadecimal."""
    return hmac.digest(bytes.fromhex(salt), body.encode(), "sha256").hex()


def agrees(row: Entry, part: Part) -> bool:
    """Whether these are the values the row was bound to, filed under the person they are about."""
    try:
        return committed(part.salt, part.body) == getattr(row, part.role) and part.person == _filed_under(part)
    except (AttributeError, TypeError, ValueError):  # a salt, a role or a type that none of ours has
        return False


def values(part: Part) -> dict[str, Any]:
    """The values by name: `actor`, `credential`, `address`, `user_agent`, `details`; of a subject, `details` alone."""
    found: dict[str, Any] = orjson.loads(part.body)
    return found if part.role == "actor" else {"details": found}


def indexed(user_id: str) -> str:
    """The id as it is filed and searched for: no database need take more, or a character it cannot hold."""
    return user_id[:_LONGEST].replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _filed_under(part: Part) -> str:
    found = values(part)
    return indexed(found.get("actor") or _person(found.get("details", {})))


def _person(details: Mapping[str, Any]) -> str:
    return str(details.get("user_id") or details.get("key_owner") or details.get("owner") or "")


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
