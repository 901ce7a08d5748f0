"""Walks along the chains, some hundred rows at a time."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bullpen.security.audit.chain import GENESIS, Entry, Head
from bullpen.security.audit.notary import Checkpoint, Notary
from bullpen.security.audit.personal import Part, agrees
from bullpen.security.audit.records import Verification
from bullpen.security.audit.sql.reading import parts_of
from bullpen.security.audit.sql.tables import CHECKPOINTS, HEADS, ROWS
from bullpen.security.audit.walk import Fault, Walk
from bullpen.stores import sql_errors

__all__ = ["Stretch", "Verifying", "start_of", "stretch"]

_BATCH: Final = 250
_ATTEMPTS: Final = 3


class Stretch(NamedTuple):
    """Rows that follow one another, with what belongs to them, by number."""

    rows: list[Entry]
    parts: defaultdict[int, list[Part]]
    checkpoints: Mapping[int, Checkpoint]


class _Ends(NamedTuple):
    start: Checkpoint | None
    last: int
    head: Head
    moved: bool  # the head is gone, or says less than a checkpoint does


class Verifying:
    """Verifies chains; holds no lock, so that appending goes on."""

    def __init__(self, engine: AsyncEngine, *, notary: Notary) -> None:
        self._engine = engine
        self._notary = notary

    async def verify(self, tenant: str) -> Verification:
        """See `AuditLog.verify`."""
        with sql_errors():
            ends = await self._ends(tenant)
            found = await self._walked(tenant, ends)
            for _ in range(_ATTEMPTS):
                before, ends = ends, await self._ends(tenant)
                if found.intact or ends.start == before.start:
                    break
                # Rows were pruned while we walked, so what looks removed may only be old.
                found = await self._walked(tenant, ends)
        return found

    async def _walked(self, tenant: str, ends: _Ends) -> Verification:
        walk = Walk(self._notary, start=ends.start)
        seen, erased, fault = walk.number, 0, walk.begin()
        while fault is None and seen < ends.last:
            async with self._engine.connect() as connection:
                found = await stretch(connection, tenant, after=seen, through=ends.last, most=_BATCH)
            if not found.rows:
                break
            seen = found.rows[-1].number
            erased += sum(map(_lacking, found.rows, (found.parts[row.number] for row in found.rows)))
            fault = next(_faults(walk, found), None)
        fault = fault or walk.finish(ends.head)
        if fault is None and ends.moved:
            fault = Fault(walk.number, walk.number, "head_moved")
        return Verification(
            tenant=tenant,
            pruned=ends.start.number if ends.start else 0,
            through=walk.number,
            signed=walk.signed,
            erased=erased,
            fault=fault and await self._explained(tenant, fault),
        )

    async def _ends(self, tenant: str) -> _Ends:
        """Where the chain begins and ends. The head is asked for last: whatever is committed by then is below it."""
        newest = select(CHECKPOINTS).order_by(CHECKPOINTS.c.number.desc()).limit(1)
        async with self._engine.connect() as connection:
            start = await start_of(connection, tenant)
            signed = (await connection.execute(newest.where(CHECKPOINTS.c.tenant == tenant))).first()
            last = (await connection.execute(select(func.max(ROWS.c.number)).where(ROWS.c.tenant == tenant))).scalar()
            told = select(HEADS.c.number, HEADS.c.hash).where(HEADS.c.tenant == tenant)
            row = (await connection.execute(told)).first()
        head = Head(*row) if row else Head(0, GENESIS)
        if signed is None or signed.number <= head.number:
            return _Ends(start, max(last or 0, head.number), head, moved=False)
        return _Ends(start, max(last or 0, signed.number), Head(signed.number, signed.hash), moved=True)

    async def _explained(self, tenant: str, fault: Fault) -> Fault:
        """Tells a row that was moved from one whose predecessors were removed and the rest renumbered."""
        if not fault.follows:
            return fault
        asked: Select[Any] = select(ROWS.c.number).where(ROWS.c.tenant == tenant, ROWS.c.hash == fault.follows).limit(1)
        async with self._engine.connect() as connection:
            return fault.explained(found=(await connection.execute(asked)).first() is not None)


async def start_of(connection: AsyncConnection, tenant: str) -> Checkpoint | None:
    """The stub the chain begins after."""
    stubs = select(CHECKPOINTS).where(CHECKPOINTS.c.tenant == tenant, CHECKPOINTS.c.kind == "stub")
    row = (await connection.execute(stubs.order_by(CHECKPOINTS.c.number.desc()).limit(1))).first()
    return Checkpoint(*row) if row else None


async def stretch(connection: AsyncConnection, tenant: str, *, after: int, through: int, most: int) -> Stretch:
    """The next rows of a chain."""
    chosen = select(ROWS).where(ROWS.c.tenant == tenant, ROWS.c.number > after, ROWS.c.number <= through)
    rows = [Entry(*row) for row in await connection.execute(chosen.order_by(ROWS.c.number).limit(most))]
    if not rows:
        return Stretch(rows, defaultdict(list), {})
    signed = select(CHECKPOINTS).where(
        CHECKPOINTS.c.tenant == tenant,
        CHECKPOINTS.c.number.between(rows[0].number, rows[-1].number),
        CHECKPOINTS.c.kind != "stub",
    )
    checkpoints = {row.number: Checkpoint(*row) for row in await connection.execute(signed)}
    return Stretch(rows, await parts_of(connection, rows), checkpoints)


def _faults(walk: Walk, found: Stretch) -> Iterator[Fault]:
    for row in found.rows:
        fault = walk.take(row, found.checkpoints.get(row.number))
        if fault is not None:
            yield fault
        if not all(agrees(row, part) for part in found.parts[row.number]):
            yield Fault(row.number, row.number, "values_changed")


def _lacking(row: Entry, parts: list[Part]) -> bool:
    return len(parts) < bool(row.actor) + bool(row.subject)
