"""The audit trail in SQLite or Postgres, shared by every process on the same database."""

from collections.abc import Mapping
from secrets import token_hex

from sqlalchemy.ext.asyncio import AsyncEngine

from bullpen.clock import Clock, SystemClock
from bullpen.outbox import Fact
from bullpen.security.audit.events import Event, EventType, to_json
from bullpen.security.audit.notary import Notary
from bullpen.security.audit.recorder import TOPIC
from bullpen.security.audit.records import DEFAULT_LIMIT, Page, Wanted
from bullpen.security.audit.sql.appending import Appending
from bullpen.security.audit.sql.chores import Chores
from bullpen.security.audit.sql.pruning import Pruning
from bullpen.security.audit.sql.reading import Reading
from bullpen.security.audit.sql.verifying import Verifying
from bullpen.telemetry import Metrics

__all__ = ["SqlAuditLog"]


class SqlAuditLog:
    """An `AuditLog`, its `Upkeep`, and the `Consumer` of the topic `audit`. The database must have been migrated.

    Failure mode: raises `DependencyDown`. What is delivered again is known by its id, and changes nothing.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        notary: Notary,
        metrics: Metrics,
        clock: Clock | None = None,
        sign_after: float = 60.0,
    ) -> None:
        """Opens nothing; the engine stays its opener's to dispose of.

        Args:
            engine: The database.
            notary: Signs the checkpoints, and knows them again.
            metrics: Where events are counted.
            clock: Dates the checkpoints, and says what is old.
            sign_after: The age of a chain's checkpoint at which the next row that comes is signed, seconds.
        """
        clock = clock or SystemClock()
        self._clock = clock
        self._appending = Appending(engine, notary=notary, metrics=metrics, clock=clock, sign_after=sign_after)
        self._reading = Reading(engine)
        self._verifying = Verifying(engine, notary=notary)
        self._pruning = Pruning(engine, notary=notary, clock=clock)
        self._chores = Chores(engine, clock=clock)
        self.tenants = self._reading.tenants
        self.total = self._reading.total
        self.export = self._reading.export
        self.verify = self._verifying.verify
        self.erase = self._pruning.erase
        self.deliver = self._appending.deliver
        self.seal = self._appending.seal
        self.claim = self._chores.claim
        self.disclaim = self._chores.disclaim

    async def entries(self, wanted: Wanted, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> Page:
        """See `AuditLog.entries`."""
        return await self._reading.entries(wanted, limit=limit, cursor=cursor)

    async def denials(self, tenant: str, *, limit: int = 10) -> Page:
        """See `AuditLog.denials`."""
        return await self._reading.denials(tenant, limit=limit)

    async def prune(self, *, older_than: float) -> Mapping[str, int]:
        """See `Upkeep.prune`. That rows were removed is the chain's newest row."""
        now = self._clock.now()
        removed = {each: await self._pruning.prune(each, before=now - older_than) for each in await self.tenants()}
        pruned = {tenant: rows for tenant, rows in removed.items() if rows}
        await self.deliver([_told(tenant, rows, at=now) for tenant, rows in pruned.items()])
        return pruned


def _told(tenant: str, rows: int, *, at: float) -> Fact:
    event = Event(id=token_hex(16), at=at, type=EventType.AUDIT_PRUNED, tenant=tenant, details={"rows": rows})
    return Fact(event.id, TOPIC, to_json(event))
