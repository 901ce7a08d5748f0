"""What a replica leans on, and how it was found."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

__all__ = ["Dependency", "Finding", "State"]

State: TypeAlias = Literal["up", "failing", "down"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """Something this replica needs, or likes to have.

    Attributes:
        name: In reports and as a metric label; shown to anybody, so no address.
        check: Returns when the dependency answers, raises whatever it likes when it does not.
        required: Without it nothing works: not ready. Otherwise its absence only degrades.
    """

    name: str
    check: Callable[[], Awaitable[None]]
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How one dependency was found.

    Attributes:
        state: `failing` was up, and has failed too few times in a row to be `down`.
        age: Seconds since it was looked at; None before the first time.
        latency: How long the last look took, seconds; None before the first time.
        since: When it came into this state, seconds since 1970-01-01 UTC.
        failures: Looks that failed in a row.
        error: A kind, such as `timeout`: never an address, never foreign text.
    """

    state: State
    required: bool
    age: float | None
    latency: float | None
    since: float
    failures: int
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """As shown to callers."""
        shown = {
            "status": self.state,
            "required": self.required,
            "age": None if self.age is None else round(self.age, 3),
            "latency_ms": None if self.latency is None else round(self.latency * 1000, 3),
            "since": datetime.fromtimestamp(self.since, UTC).isoformat(timespec="seconds"),
            "failures": self.failures,
        }
        return shown if self.error is None else {**shown, "error": self.error}
