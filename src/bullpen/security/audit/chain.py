"""The chain: rows numbered without gaps, each bound to the one before by its hash.

The hash is SHA-256 (FIPS 180-4) over a JSON array of the row's fields, the hash of the row before among them. An array
of JSON strings and numbers can be read in one way only, so no two rows have the same encoding.
"""

from hashlib import sha256
from typing import Any, Final, NamedTuple

import orjson

__all__ = ["CHECKPOINT_EVERY", "GENESIS", "Entry", "Head", "digest", "entry", "place_of"]

GENESIS: Final = "0" * 64
"""What the first row of a chain follows."""

CHECKPOINT_EVERY: Final = 1000
"""Rows. It is no setting: that each thousandth row has a checkpoint is part of what is verified."""

_SCHEME: Final = "bullpen audit 1"
_FAR: Final = 10_000


class Entry(NamedTuple):
    """One row of a chain, without its personal values.

    Attributes:
        tenant: Whose chain it is in.
        number: From 1, without gaps.
        previous: The hash of the row before; `GENESIS` for the first.
        id: The event's.
        at: Seconds since 1970.
        type: What happened, as an `EventType`'s value, or a newer version's.
        outcome: `success`, `denied` or `error`.
        credential: The kind of credential, such as `api_key`; which one is personal.
        request_id: As in the answer's `X-Request-ID`.
        route: As in the route table.
        details: Facts that are not personal, as the JSON that was written.
        actor: The commitment to who did it and from where; empty when nothing is known of them.
        subject: The commitment to whom it was done; empty when to nobody, or to the actor.
        hash: Over everything above, in hexadecimal.
    """

    tenant: str
    number: int
    previous: str
    id: str
    at: float
    type: str
    outcome: str
    credential: str
    request_id: str
    route: str
    details: str
    actor: str
    subject: str
    hash: str


class Head(NamedTuple):
    """The end of a chain: the newest row's number and hash."""

    number: int
    hash: str


def entry(*content: Any) -> Entry:
    """The row of this content: every field of an `Entry` but the hash, in order."""
    return Entry._make((*content, _digest(content)))


def digest(row: Entry) -> str:
    """The hash the row should have."""
    return _digest(row[:-1])


def place_of(row: Entry) -> int | None:
    """The number the row's hash was made for, looked for among those around it; None when its content was changed."""
    for number in range(max(1, row.number - _FAR), row.number + _FAR):
        if digest(row._replace(number=number)) == row.hash:
            return number
    return None


def _digest(content: tuple[Any, ...]) -> str:
    return sha256(orjson.dumps((_SCHEME, *content), default=_foreign)).hexdigest()


def _foreign(value: object) -> dict[str, str]:
    """What no row of ours has, and somebody's hand may have put there: a blob in the place of a text."""
    return {type(value).__name__: repr(value)}
