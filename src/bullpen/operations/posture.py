"""How well this server is guarded, for those who answer for it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from math import nan
from typing import Any, Final, TypeAlias, TypeVar

import structlog

from bullpen.clock import Clock, SystemClock
from bullpen.outbox import Outbox
from bullpen.security.audit import HOUSE
from bullpen.security.audit.ports import AuditLog
from bullpen.security.audit.records import MOST, Page, Wanted
from bullpen.stores.patience import leavable
from bullpen.telemetry import Metrics

__all__ = ["RECENT", "Age", "Control", "Posture", "Status"]

RECENT: Final = 3600.0
"""Seconds that count as recent."""

Control: TypeAlias = Callable[[], Mapping[str, Any]]
"""How one guard stands now, in JSON's words and without a secret; asked each time."""

Age: TypeAlias = Callable[[], float | None]
"""How old the oldest credential of its kind is, seconds; None when nobody knows."""

_T = TypeVar("_T")
_PATIENCE: Final = 2.0

_log = structlog.get_logger("bullpen.operations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What is told. A member is None when the store behind it is away.

    Attributes:
        total_audit_entries: Rows of the tenant's chain.
        recent_events: Of them from the last hour, counted up to 500.
        rate_limits_active: Buckets that are in use.
        recent_denials: Refusals of the last hour by type of event, those of strangers too.
        controls: How each guard stands.
        weak_settings: What to mend.
        credential_ages: Seconds, by kind.
        keys: How many API keys there are, and on which secret they hang.
    """

    total_audit_entries: int | None
    recent_events: int | None
    rate_limits_active: int | None
    recent_denials: Mapping[str, int] | None
    controls: Mapping[str, Mapping[str, Any] | None]
    weak_settings: Sequence[str]
    credential_ages: Mapping[str, float]
    keys: Mapping[str, Any] | None

    def as_dict(self) -> dict[str, Any]:
        """As `GET /security/status` answers."""
        return asdict(self)


class Posture:
    """Asks every guard how it stands.

    Failure mode: open. What cannot be told is None and a line in the log, and the rest is told: it is needed most when
    something is away.
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        audit: AuditLog,
        buckets: Callable[[], Coroutine[Any, Any, int]],
        keys: Control,
        ages: Mapping[str, Age],
        controls: Mapping[str, Control],
        weak: Callable[[], Sequence[str]],
        metrics: Metrics,
        patience: float = _PATIENCE,
        clock: Clock | None = None,
    ) -> None:
        """Takes the sources; `credential_age_seconds` is told from here on, at every scrape.

        Args:
            outbox: What is on its way there.
            audit: What happened.
            buckets: How many rate limits are in use.
            keys: How the API keys are.
            ages: Of credentials, by kind.
            controls: Every guard, by name.
            weak: What is weak about the settings.
            metrics: Where ages are shown.
            patience: Longest wait for a store, seconds.
            clock: Tells what is recent.
        """
        self._outbox = outbox
        self._audit = audit
        self._buckets = buckets
        self._keys = keys
        self._ages = ages
        self._controls = controls
        self._weak = weak
        self._patience = patience
        self._clock = clock or SystemClock()
        for kind, age in ages.items():
            metrics.follow(metrics.credential_age_seconds.labels(kind), partial(_or_nan, age))

    async def status(self, *, tenant: str) -> Status:
        """How everything stands, as the administrators of this tenant may know."""
        await self._waited("outbox", self._outbox.settle())  # delivery is behind: what was just done is to be counted
        total, recent, active, denials = await asyncio.gather(
            self._waited("audit", self._audit.total(tenant)),
            self._waited("audit", self._recent(tenant)),
            self._waited("limits", self._buckets()),
            self._waited("audit", self._denials(tenant)),
        )
        ages = {kind: age() for kind, age in self._ages.items()}
        return Status(
            total_audit_entries=total,
            recent_events=recent,
            rate_limits_active=active,
            recent_denials=denials,
            controls={name: self._asked(name, control) for name, control in self._controls.items()},
            weak_settings=list(self._weak()),
            credential_ages={kind: round(age, 1) for kind, age in ages.items() if age is not None},
            keys=self._asked("keys", self._keys),
        )

    async def _recent(self, tenant: str) -> int:
        return len(self._of_late(await self._audit.entries(Wanted(tenant=tenant), limit=MOST)))

    async def _denials(self, tenant: str) -> dict[str, int]:
        """A stranger has no tenant: what was tried by one is in the house's own chain."""
        pages = [await self._audit.denials(each, limit=MOST) for each in (tenant, HOUSE)]
        return dict(Counter(kind for page in pages for kind in self._of_late(page)))

    def _of_late(self, page: Page) -> list[str]:
        since = self._clock.now() - RECENT
        return [record.entry.type for record in page.records if record.entry.at >= since]

    async def _waited(self, name: str, figure: Coroutine[Any, Any, _T]) -> _T | None:
        try:
            async with asyncio.timeout(self._patience):
                return await leavable(figure)
        except Exception as error:  # noqa: BLE001 -- whatever a source does, the others are told
            _log.warning("posture_unknown", source=name, error=type(error).__name__)
            return None

    @staticmethod
    def _asked(name: str, control: Control) -> Mapping[str, Any] | None:
        try:
            return dict(control())
        except Exception as error:  # noqa: BLE001 -- whatever a guard does, the others are told
            _log.warning("posture_unknown", source=name, error=type(error).__name__)
            return None


def _or_nan(age: Age) -> float:
    """As Prometheus writes what is not known."""
    known = age()
    return nan if known is None else known
