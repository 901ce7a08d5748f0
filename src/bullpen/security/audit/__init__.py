"""What happened: every decision and action, in a chain a tenant whose every change shows.

`Audit` records events, through the outbox; an `AuditLog` keeps them, shows them and verifies them.

Failure mode: by the outbox. What cannot be recorded is answered with 503.
"""

from bullpen.security.audit.events import HOUSE, Event, EventType, Origin, Outcome
from bullpen.security.audit.notary import Notary
from bullpen.security.audit.ports import AuditLog, Upkeep
from bullpen.security.audit.recorder import Audit, Trail
from bullpen.security.audit.records import DEFAULT_LIMIT, MOST, Page, Record, Verification, Wanted
from bullpen.security.audit.retention import KEEP_DAYS, Retention

__all__ = [
    "DEFAULT_LIMIT",
    "HOUSE",
    "KEEP_DAYS",
    "MOST",
    "Audit",
    "AuditLog",
    "Event",
    "EventType",
    "Notary",
    "Origin",
    "Outcome",
    "Page",
    "Record",
    "Retention",
    "Trail",
    "Upkeep",
    "Verification",
    "Wanted",
]
