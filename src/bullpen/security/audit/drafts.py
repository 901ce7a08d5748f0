"""Facts on their way into a chain: read, and their personal values set apart, before anything is locked."""

import secrets
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import orjson
import structlog

from bullpen.outbox import Fact
from bullpen.security.audit.chain import Entry, entry
from bullpen.security.audit.personal import SALT_BYTES, Part, committed, split

__all__ = ["Draft", "drafted"]

_log = structlog.get_logger("bullpen.audit")

_SALT: Final = 2 * SALT_BYTES  # in hexadecimal
_ROW: Final = 2 * _SALT  # a salt for each role


class Draft(NamedTuple):
    """A row that has no number yet. From `id` on, its fields are those of an `Entry`, in their order."""

    tenant: str
    parts: tuple[tuple[str, str, str, str], ...]
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

    def placed(self, number: int, previous: str) -> Entry:
        """The row at this place of its chain."""
        return entry(self.tenant, number, previous, *self[2:])

    def personal(self, number: int) -> Iterator[Part]:
        """Its personal values, by the row's number."""
        for role, person, salt, body in self.parts:
            yield Part(self.tenant, number, role, person, salt, body)


def drafted(facts: Sequence[Fact]) -> list[Draft]:
    """The facts as drafts, in their order.

    One that cannot be read is told in the log by its id, and left out: it would keep all that come after it waiting for
    ever.
    """
    salts = secrets.token_hex(SALT_BYTES * 2 * len(facts))
    found = []
    for index, fact in enumerate(facts):
        try:
            found.append(_draft(fact, salts[index * _ROW : (index + 1) * _ROW]))
        except (KeyError, TypeError, ValueError, AttributeError):
            _log.exception("audit_fact_unreadable", fact=fact.id)
    return found


def _draft(fact: Fact, salts: str) -> Draft:
    told = orjson.loads(fact.body)
    details, personal = split(told)
    parts, bound = [], {"actor": "", "subject": ""}
    for index, (role, (person, body)) in enumerate(personal.items()):
        salt = salts[index * _SALT : (index + 1) * _SALT]
        bound[role] = committed(salt, body)
        parts.append((role, person, salt, body))
    return Draft(
        told["tenant"],
        tuple(parts),
        fact.id,
        float(told["at"]),
        told["type"],
        told["outcome"],
        told["credential"].partition(":")[0],
        told["request_id"],
        told["route"],
        details,
        bound["actor"],
        bound["subject"],
    )
