"""What is shown of the trail: questions, pages, records, and the outcome of a verification."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from bullpen.errors import FieldError, InvalidRequest
from bullpen.security.audit.chain import Entry
from bullpen.security.audit.personal import Part, values
from bullpen.security.audit.walk import Fault

__all__ = ["DEFAULT_LIMIT", "MOST", "Page", "Record", "Verification", "Wanted", "cursor_at", "number_at"]

MOST: Final = 500
DEFAULT_LIMIT: Final = 50

_CURSOR: Final = re.compile(rb"1:([1-9]\d{0,17})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows of a chain somebody wants.

    Attributes:
        tenant: Whose chain.
        user_id: Only rows about this user; None for all.
        as_actor: Only what the user did, and not what others did to them.
        event_type: Only rows of this type; None for all.
    """

    tenant: str
    user_id: str | None = None
    as_actor: bool = False
    event_type: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One row with the personal values that are still there."""

    entry: Entry
    personal: Mapping[str, Mapping[str, Any]] = field(repr=False)

    @classmethod
    def of(cls, entry: Entry, parts: Sequence[Part]) -> "Record":
        """The row with its personal parts."""
        return cls(entry, {part.role: values(part) for part in parts})

    @property
    def erased(self) -> bool:
        """Whether personal values the row was written with are gone."""
        return any(getattr(self.entry, role) and role not in self.personal for role in ("actor", "subject"))

    def as_dict(self) -> dict[str, Any]:
        """The record as `GET /audit/log` and the export tell it."""
        row = self.entry
        doer = self.personal.get("actor") or {}
        unknown = None if row.actor and not doer else ""
        details = orjson.loads(row.details)
        for part in self.personal.values():
            details |= part.get("details", {})
        return {
            "timestamp": row.at,
            "event_type": row.type,
            "details": details,
            "ip_address": doer.get("address", unknown),
            "user_id": doer.get("actor", unknown),
            "tenant": row.tenant,
            "outcome": row.outcome,
            "request_id": row.request_id,
            "route": row.route,
            "user_agent": doer.get("user_agent", unknown),
            "credential": doer.get("credential", row.credential),
            "erased": self.erased,
            "id": row.id,
            "number": row.number,
            "previous": row.previous,
            "hash": row.hash,
        }


@dataclass(frozen=True, slots=True)
class Page:
    """Records, newest first.

    Attributes:
        records: At most as many as were asked for.
        next: The cursor of the page after; None when this is the last.
    """

    records: Sequence[Record]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was found out about one chain.

    Attributes:
        tenant: Whose chain.
        pruned: Rows up to this one were removed because their time was over; 0 for none.
        through: The last row that was looked at.
        signed: The last row below a genuine checkpoint: what is after it is protected by the hashes alone.
        erased: Rows whose personal values were erased.
        fault: The first thing that is wrong; None for a whole chain.
    """

    tenant: str
    pruned: int
    through: int
    signed: int
    erased: int
    fault: Fault | None = None

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong."""
        return self.fault is None

    def as_dict(self) -> dict[str, Any]:
        """The outcome as `GET /audit/verify` tells it."""
        fault = self.fault
        return {
            "tenant": self.tenant,
            "intact": self.intact,
            "rows": max(0, self.through - self.pruned),
            "pruned": self.pruned,
            "through": self.through,
            "signed": self.signed,
            "erased": self.erased,
            "fault": fault
            and {"number": fault.number, "through": fault.through, "kind": fault.kind, "detail": f"{fault}."},
        }


def cursor_at(number: int) -> str:
    """The cursor of the page that begins below this row."""
    return urlsafe_b64encode(b"1:%d" % number).decode().rstrip("=")


def number_at(cursor: str) -> int:
    """The number in a cursor. It opens nothing: tenant and user are given beside it, each time.

    Raises:
        InvalidRequest: It is no cursor of ours.
    """
    try:
        found = _CURSOR.fullmatch(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        found = None
    if found is None or cursor_at(int(found[1])) != cursor:
        told = FieldError("cursor", "must be the `next` of a page before, unchanged")
        raise InvalidRequest("The cursor is not valid. Leave it out to begin with the newest row.", fields=[told])
    return int(found[1])
