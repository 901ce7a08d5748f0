"""From a row of the database, which anybody may have edited, to a record that can be relied on."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from bullpen.security.authentication.identity import is_tenant, is_user_id
from bullpen.security.authentication.ports import KeyRecord

__all__ = ["read_key"]

_DIGEST: Final = 32
_TEXTS: Final = ("id", "name", "pepper", "created_by", "replaced_by")
_TIMES: Final = ("expires_at", "revoked_at", "last_used_at")
_YEAR_10000: Final = 253_402_300_800  # no calendar goes further


def read_key(row: Mapping[str, Any]) -> KeyRecord | None:
    """The record of a row, its JSON still text; None when anything in it is not what it must be."""
    try:
        return KeyRecord(
            digest=_digest(row["digest"]),
            user_id=_fitting(row["user_id"], fits=is_user_id(row["user_id"])),
            tenant=_fitting(row["tenant"], fits=is_tenant(row["tenant"])),
            roles=_names(row["roles"]),
            permissions=_names(row["permissions"]),
            attributes=_attributes(row["attributes"]),
            created_at=_needed(_time(row["created_at"])),
            **{name: _fitting(row[name], fits=isinstance(row[name], str)) for name in _TEXTS},
            **{name: _time(row[name]) for name in _TIMES},
        )
    except (ValueError, TypeError):
        return None


def _fitting(value: Any, *, fits: bool) -> Any:
    if not fits:
        raise ValueError
    return value


def _digest(value: Any) -> Any:
    return _fitting(value, fits=isinstance(value, bytes) and len(value) == _DIGEST)


def _needed(value: Any) -> Any:
    return _fitting(value, fits=value is not None)


def _time(value: Any) -> Any:
    if value is None:
        return None
    return float(_fitting(value, fits=isinstance(value, int | float) and 0 <= value < _YEAR_10000))


def _names(text: Any) -> frozenset[str]:
    names = orjson.loads(text)
    fits = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return frozenset(_fitting(names, fits=fits))


def _attributes(text: Any) -> Any:
    attributes = orjson.loads(text)
    fits = isinstance(attributes, dict) and all(type(value) in {str, int} for value in attributes.values())
    return _fitting(attributes, fits=fits)
