"""What happened: every decision and action, in a chain a tenant whose every change shows.

Failure mode: by the outbox. What cannot be recorded is answered with 503.
"""

from bullpen.security.audit.events import HOUSE, Event, EventType, Origin
from bullpen.security.audit.recorder import Audit

__all__ = ["HOUSE", "Audit", "Event", "EventType", "Origin"]
