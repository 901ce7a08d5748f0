"""What an administrator is told of the guards."""

import asyncio
import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from bullpen.errors import DependencyDown
from bullpen.operations.posture import Posture
from bullpen.outbox import Fact
from bullpen.security.audit import HOUSE
from bullpen.security.audit.chain import Entry
from bullpen.security.audit.records import DEFAULT_LIMIT, Page, Record, Verification, Wanted
from bullpen.telemetry import Metrics
from tests.stubs.clock import StillClock

NOW = 1_700_000_000.0
LATE = ("authorization_denied", NOW - 60)
EARLY = ("authorization_denied", NOW - 3601)


class Chains:
    """Chains in memory, of which only denials and ages matter; it can be away, or silent."""

    def __init__(
        self, chains: Mapping[str, Sequence[tuple[str, float]]], *, away: bool = False, silent: bool = False
    ) -> None:
        self._chains = chains
        self._away = away
        self._silent = silent

    async def entries(self, wanted: Wanted, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> Page:
        return await self._page(wanted.tenant, limit)

    async def denials(self, tenant: str, *, limit: int = 10) -> Page:
        return await self._page(tenant, limit)

    async def total(self, tenant: str) -> int:
        return len((await self._page(tenant, 500)).records)

    async def tenants(self) -> Sequence[str]:
        return list(self._chains)

    # The port's, and nothing that a posture asks for: a call fails the test.

    def export(self, wanted: Wanted) -> AsyncGenerator[bytes, None]:
        raise NotImplementedError

    async def verify(self, tenant: str) -> Verification:
        raise NotImplementedError

    async def erase(self, tenant: str, user_id: str) -> int:
        raise NotImplementedError

    async def _page(self, tenant: str, limit: int) -> Page:
        if self._away:
            raise DependencyDown("away")
        if self._silent:
            await asyncio.Event().wait()
        return Page([_record(*each) for each in self._chains.get(tenant, ())][:limit], None)


class Behind:
    """An outbox that delivers when it is asked to settle; it can be away, or silent."""

    degraded = False

    def __init__(self, chains: dict[str, list[tuple[str, float]]], *, mood: str = "there") -> None:
        self._chains = chains
        self._mood = mood

    async def append(self, facts: Sequence[Fact], *, strict: bool = False) -> None:
        raise NotImplementedError

    async def settle(self) -> None:
        if self._mood == "away":
            raise DependencyDown("away")
        if self._mood == "silent":
            await asyncio.Event().wait()
        self._chains.setdefault("acme", []).append(LATE)


def _record(kind: str, at: float) -> Record:
    told: dict[str, Any] = dict.fromkeys(Entry._fields, "") | {"number": 1, "at": at, "type": kind, "details": "{}"}
    return Record(Entry(**told), {})


async def seven() -> int:
    return 7


def posture(audit: Chains, **changes: Any) -> Posture:
    given: dict[str, Any] = {
        "outbox": Behind({}),
        "buckets": seven,
        "keys": lambda: {"usable": 2},
        "ages": {"api_key": lambda: 86_400.04, "openai_api_key": lambda: None},
        "controls": {"audit": lambda: {"durability": "disk", "degraded": False}},
        "weak": lambda: ["LOG_LEVEL: DEBUG"],
        "metrics": Metrics(),
        "clock": StillClock(NOW),
        **changes,
    }
    return Posture(audit=audit, **given)


async def test_the_seeds_members_and_ours_are_told() -> None:
    """Figures of the caller's own tenant; refusals of strangers count beside them, another tenant's do not."""
    audit = Chains({"acme": [LATE, LATE, EARLY], HOUSE: [("token_invalid", NOW)], "other": [LATE]})
    assert (await posture(audit).status(tenant="acme")).as_dict() == {
        "total_audit_entries": 3,
        "recent_events": 2,
        "rate_limits_active": 7,
        "recent_denials": {"authorization_denied": 2, "token_invalid": 1},
        "controls": {"audit": {"durability": "disk", "degraded": False}},
        "weak_settings": ["LOG_LEVEL: DEBUG"],
        "credential_ages": {"api_key": 86_400.0},
        "keys": {"usable": 2},
    }


async def test_a_source_that_is_away_or_silent_hides_nothing_else() -> None:
    """Fails open: what cannot be told is null, within the patience, and the rest is told."""

    def defect() -> Mapping[str, Any]:
        raise ZeroDivisionError

    for audit in (Chains({}, away=True), Chains({}, silent=True)):
        told = await posture(audit, controls={"policy": defect}, patience=0.05).status(tenant="acme")
        assert (told.total_audit_entries, told.recent_events, told.recent_denials) == (None, None, None)
        assert (told.rate_limits_active, told.controls, told.keys) == (7, {"policy": None}, {"usable": 2})


async def test_what_was_just_done_is_counted() -> None:
    """What waits to be delivered is delivered first."""
    chains: dict[str, list[tuple[str, float]]] = {}
    told = await posture(Chains(chains), outbox=Behind(chains)).status(tenant="acme")
    assert (told.total_audit_entries, told.recent_denials) == (1, {"authorization_denied": 1})


async def test_an_outbox_that_cannot_deliver_hides_nothing() -> None:
    """Fails open: what was delivered before is told, within the patience."""
    for mood in ("away", "silent"):
        audit = Chains({"acme": [LATE, LATE]})
        told = await posture(audit, outbox=Behind({}, mood=mood), patience=0.05).status(tenant="acme")
        assert (told.total_audit_entries, told.rate_limits_active) == (2, 7)


async def test_ages_are_metrics_at_every_scrape() -> None:
    """They grow by themselves; what is not known is not a number."""
    metrics, age = Metrics(), [10.0]
    posture(Chains({}), metrics=metrics, ages={"api_key": lambda: age[0], "other": lambda: None})
    age[0] = 20.0

    def shown(kind: str) -> float:
        return metrics.registry.get_sample_value("bullpen_credential_age_seconds", {"kind": kind}) or 0.0

    metrics.render()
    assert shown("api_key") == 20.0
    assert math.isnan(shown("other"))
