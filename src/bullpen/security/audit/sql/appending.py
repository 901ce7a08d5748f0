"""Facts delivered into the chains."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bullpen.clock import Clock
from bullpen.outbox import Fact
from bullpen.security.audit.chain import CHECKPOINT_EVERY, Entry
from bullpen.security.audit.drafts import Draft, drafted
from bullpen.security.audit.events import EventType
from bullpen.security.audit.notary import Checkpoint, CheckpointKind, Notary
from bullpen.security.audit.personal import Part
from bullpen.security.audit.sql.heads import Tail, found, keep, locked, move, passed, renew
from bullpen.security.audit.sql.rows import had, insert
from bullpen.security.audit.sql.tables import HEADS, PERSONAL, ROWS
from bullpen.stores import sql_errors
from bullpen.stores.sql import IMMEDIATE
from bullpen.telemetry import Metrics

__all__ = ["Appending"]

_log = structlog.get_logger("bullpen.audit")

_KNOWN: Final = frozenset(EventType)
_SEALED: Final = 100
_BROKEN: Final = "Its rows or its head were changed by other hands. Verify it; the place of the break stays visible."


class Appending:
    """Appends to the chains, and signs their ends. Everything given at once is one transaction."""

    def __init__(
        self, engine: AsyncEngine, *, notary: Notary, metrics: Metrics, clock: Clock, sign_after: float
    ) -> None:
        self._engine = engine.execution_options(**IMMEDIATE)
        self._notary = notary
        self._metrics = metrics
        self._clock = clock
        self._sign_after = sign_after

    async def deliver(self, facts: Sequence[Fact]) -> None:
        """See `Consumer.deliver`."""
        by_tenant = _by_tenant(drafted(facts))
        if not by_tenant:
            return
        with sql_errors():
            written, signed = await self._write(by_tenant)
        for kind, count in written.items():
            self._metrics.audit_events_total.labels(kind if kind in _KNOWN else "other").inc(count)
        self._tell(signed)

    async def seal(self) -> int:
        """See `Upkeep.seal`. Some hundred chains at a time, so that nothing else waits for all of them."""
        number, last = 0, ""
        while grown := await self._grown(after=last):
            number, last = number + await self._seal(grown), grown[-1]
        with sql_errors():
            more = 1
            while more:
                async with self._engine.begin() as connection:
                    more = await renew(connection, self._notary)
        return number

    async def _grown(self, *, after: str) -> Sequence[str]:
        """Some tenants whose chains have grown since they were signed, in order."""
        grown = select(HEADS.c.tenant).where(HEADS.c.number > HEADS.c.signed_number, HEADS.c.tenant > after)
        with sql_errors():
            async with self._engine.connect() as connection:
                found = await connection.execute(grown.order_by(HEADS.c.tenant).limit(_SEALED))
                return found.scalars().all()

    async def _seal(self, tenants: Sequence[str]) -> int:
        with sql_errors():
            async with self._engine.begin() as connection:
                tails = await locked(connection, tenants)
                signed = [self._sign(tail) for tail in tails.values() if tail.number > tail.signed_number]
                await keep(connection, signed)
                if signed:
                    await move(connection, tails.values())
        self._tell(signed)
        return len(signed)

    async def _write(self, by_tenant: Mapping[str, Sequence[Draft]]) -> tuple[Counter[str], list[Checkpoint]]:
        try:
            return await self._append(by_tenant)
        except IntegrityError:
            # Somebody changed a head, or put a row where ours belongs. Nobody else's events must wait for that.
            return await self._append(by_tenant, passing=True)

    async def _append(
        self, by_tenant: Mapping[str, Sequence[Draft]], *, passing: bool = False
    ) -> tuple[Counter[str], list[Checkpoint]]:
        async with self._engine.begin() as connection:
            tails = await locked(connection, by_tenant.keys())
            if len(tails) == len(by_tenant):
                for tail in await passed(connection, tails.values()) if passing else ():
                    _log.error("audit_chain_broken", tenant=tail.tenant, goes_on_after=tail.number, remedy=_BROKEN)
                return await self._extend(connection, by_tenant, tails)
        # In a transaction of its own: who waits for a new chain while holding others could wait in a circle.
        async with self._engine.begin() as connection:
            await found(connection, by_tenant.keys() - tails.keys())
        return await self._append(by_tenant, passing=passing)

    async def _extend(
        self, connection: AsyncConnection, by_tenant: Mapping[str, Sequence[Draft]], tails: Mapping[str, Tail]
    ) -> tuple[Counter[str], list[Checkpoint]]:
        known = await had(connection, [draft.id for drafts in by_tenant.values() for draft in drafts])
        rows: list[Entry] = []
        parts: list[Part] = []
        signed: list[Checkpoint] = []
        for tenant, drafts in by_tenant.items():
            signed += self._grow(tails[tenant], list(_fresh(drafts, known)), rows, parts)
        if rows:
            await insert(connection, ROWS, rows)
            await insert(connection, PERSONAL, parts)
            await move(connection, tails.values())
            await keep(connection, signed)
        return Counter(row.type for row in rows), signed

    def _grow(self, tail: Tail, drafts: Sequence[Draft], rows: list[Entry], parts: list[Part]) -> Iterator[Checkpoint]:
        for draft in drafts:
            row = draft.placed(tail.number + 1, tail.hash)
            rows.append(row)
            parts += draft.personal(row.number)
            tail.number, tail.hash = row.number, row.hash
            if row.number % CHECKPOINT_EVERY == 0:
                yield self._sign(tail)
        if drafts and tail.number > tail.signed_number and self._clock.now() >= tail.signed_at + self._sign_after:
            yield self._sign(tail)

    def _sign(self, tail: Tail) -> Checkpoint:
        tail.signed_number, tail.signed_at = tail.number, self._clock.now()
        kind: CheckpointKind = "tail" if tail.number % CHECKPOINT_EVERY else "mark"
        return self._notary.sign(tail.tenant, tail.number, tail.hash, at=tail.signed_at, kind=kind)

    def _tell(self, signed: Sequence[Checkpoint]) -> None:
        """Logs are kept elsewhere, so that a line there still tells of rows that are missing here."""
        for each in signed:
            _log.info("audit_checkpoint", tenant=each.tenant, number=each.number, hash=each.hash, key_id=each.key_id)


def _by_tenant(drafts: Sequence[Draft]) -> dict[str, list[Draft]]:
    by_tenant: dict[str, list[Draft]] = {}
    for tenant, some in groupby(drafts, key=attrgetter("tenant")):
        by_tenant.setdefault(tenant, []).extend(some)
    return by_tenant


def _fresh(drafts: Sequence[Draft], known: set[str]) -> Iterator[Draft]:
    """Those not had before, each once."""
    for draft in drafts:
        if draft.id not in known:
            known.add(draft.id)
            yield draft
