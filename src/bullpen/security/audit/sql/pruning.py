"""What leaves the chains: rows whose time is over, and what was said of a person."""

from itertools import takewhile
from typing import Final

import structlog
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bullpen.clock import Clock
from bullpen.security.audit.notary import Checkpoint, Notary
from bullpen.security.audit.personal import indexed
from bullpen.security.audit.sql.heads import locked
from bullpen.security.audit.sql.tables import CHECKPOINTS, PERSONAL, ROWS
from bullpen.security.audit.sql.verifying import start_of, stretch
from bullpen.security.audit.walk import Walk
from bullpen.stores import sql_errors
from bullpen.stores.sql import IMMEDIATE

__all__ = ["Pruning"]

_log = structlog.get_logger("bullpen.audit")

_BATCH: Final = 1000


class Pruning:
    """Removes in batches, each a transaction of its own."""

    def __init__(self, engine: AsyncEngine, *, notary: Notary, clock: Clock) -> None:
        self._engine = engine.execution_options(**IMMEDIATE)
        self._notary = notary
        self._clock = clock

    async def prune(self, tenant: str, *, before: float) -> int:
        """Removes the rows at the front that are older; returns how many."""
        removed = 0
        with sql_errors():
            while some := await self._prune_some(tenant, before):
                removed += some
        return removed

    async def erase(self, tenant: str, user_id: str) -> int:
        """See `AuditLog.erase`."""
        theirs = (PERSONAL.c.tenant == tenant, PERSONAL.c.person == indexed(user_id))
        last = select(PERSONAL.c.number).where(*theirs).order_by(PERSONAL.c.number).limit(1).offset(_BATCH - 1)
        erased, more = 0, True
        with sql_errors():
            while more:
                async with self._engine.begin() as connection:
                    bound = (await connection.execute(last)).scalar()
                    more = bound is not None
                    some = (*theirs, PERSONAL.c.number <= bound) if more else theirs
                    erased += (await connection.execute(delete(PERSONAL).where(*some))).rowcount
        return erased

    async def _prune_some(self, tenant: str, before: float) -> int:
        async with self._engine.begin() as connection:
            tail = (await locked(connection, [tenant])).get(tenant)
            if tail is None:
                return 0
            start = await start_of(connection, tenant)
            after = start.number if start else 0
            found = await stretch(connection, tenant, after=after, through=tail.number, most=_BATCH)
            old = list(takewhile(lambda row: row.at < before, found.rows))
            if not old:
                return 0
            walk = Walk(self._notary, start=start)
            faults = [walk.begin(), *(walk.take(row, found.checkpoints.get(row.number)) for row in old)]
            if any(faults) or walk.number != old[-1].number:
                remedy = "Verify it: what would be removed is not whole, so nothing is."
                _log.error("audit_not_pruned", tenant=tenant, after=after, remedy=remedy)
                return 0
            stub = self._notary.sign(tenant, walk.number, walk.hash, at=self._clock.now(), kind="stub")
            await _replace(connection, stub)
        return len(old)


async def _replace(connection: AsyncConnection, stub: Checkpoint) -> None:
    """Puts the stub in the place of everything up to it."""
    for table in (ROWS, PERSONAL, CHECKPOINTS):
        await connection.execute(delete(table).where(table.c.tenant == stub.tenant, table.c.number <= stub.number))
    await connection.execute(CHECKPOINTS.insert(), [stub._asdict()])
