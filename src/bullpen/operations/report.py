"""The state of a replica, as one page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias

from bullpen.operations.dependency import Finding
from bullpen.telemetry import Lateness

__all__ = ["Report", "Status"]

Status: TypeAlias = Literal["ok", "degraded", "down"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The state of this replica.

    Attributes:
        ready: Send work here: nothing required is down, and it is not being drained.
        event_loop: How late the loop was lately; None where nobody measures it.
    """

    status: Status
    ready: bool
    draining: bool
    dependencies: Mapping[str, Finding]
    event_loop: Lateness | None = None

    @classmethod
    def of(cls, found: Mapping[str, Finding], *, draining: bool, event_loop: Lateness | None = None) -> Self:
        """What these findings come to."""
        failed = any(each.required and each.state == "down" for each in found.values())
        well = all(each.state == "up" for each in found.values())
        return cls(
            status="down" if failed else "ok" if well else "degraded",
            ready=not failed and not draining,
            draining=draining,
            dependencies=found,
            event_loop=event_loop,
        )

    def as_dict(self) -> dict[str, Any]:
        """As shown to callers."""
        found = {name: finding.as_dict() for name, finding in self.dependencies.items()}
        shown = {"status": self.status, "ready": self.ready, "draining": self.draining, "dependencies": found}
        return shown if self.event_loop is None else {**shown, "event_loop": self.event_loop.as_dict()}
