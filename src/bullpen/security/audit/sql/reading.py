"""Records of the chains, in pages and as a stream."""

from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final

import orjson
from sqlalchemy import Select, and_, func, select, union
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bullpen.security.audit.chain import Entry
from bullpen.security.audit.personal import Part, indexed
from bullpen.security.audit.records import MOST, Page, Record, Wanted, cursor_at, number_at
from bullpen.security.audit.sql.tables import CHECKPOINTS, HEADS, PERSONAL, ROWS
from bullpen.stores import sql_errors

__all__ = ["Reading", "parts_of"]

_BATCH: Final = 250
_RECENT: Final = 1000


class Reading:
    """Reads what is there; changes nothing."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def tenants(self) -> Sequence[str]:
        """See `AuditLog.tenants`. Whoever removed one table's rows has not removed the other's."""
        everybody = union(select(HEADS.c.tenant), select(ROWS.c.tenant).distinct(), select(CHECKPOINTS.c.tenant))
        with sql_errors():
            async with self._engine.connect() as connection:
                return sorted((await connection.execute(everybody)).scalars())

    async def entries(self, wanted: Wanted, *, limit: int, cursor: str | None) -> Page:
        """See `AuditLog.entries`."""
        statement = _chosen(wanted)
        if cursor is not None:
            statement = statement.where(ROWS.c.number < number_at(cursor))
        return await self._page(statement, min(limit, MOST))

    async def denials(self, tenant: str, *, limit: int) -> Page:
        """See `AuditLog.denials`."""
        newest = select(func.max(ROWS.c.number)).where(ROWS.c.tenant == tenant).scalar_subquery()
        statement = _chosen(Wanted(tenant=tenant)).where(ROWS.c.outcome == "denied", ROWS.c.number > newest - _RECENT)
        return await self._page(statement, min(limit, MOST))

    async def total(self, tenant: str) -> int:
        """See `AuditLog.total`. Rows have no gaps, so the first and the last tell how many there are."""
        ends = select(func.min(ROWS.c.number), func.max(ROWS.c.number)).where(ROWS.c.tenant == tenant)
        with sql_errors():
            async with self._engine.connect() as connection:
                first, last = (await connection.execute(ends)).one()
        return 0 if last is None else last - first + 1

    async def export(self, wanted: Wanted) -> AsyncGenerator[bytes, None]:
        """See `AuditLog.export`."""
        newest = select(func.max(ROWS.c.number)).where(ROWS.c.tenant == wanted.tenant)
        statement = _chosen(wanted).order_by(ROWS.c.number).limit(_BATCH)
        with sql_errors():
            async with self._engine.connect() as connection:
                end = (await connection.execute(newest)).scalar() or 0
        after = 0
        while records := await self._records(statement.where(ROWS.c.number > after, ROWS.c.number <= end)):
            yield b"".join(orjson.dumps(record.as_dict()) + b"\n" for record in records)
            after = records[-1].entry.number

    async def _page(self, statement: Select[Any], limit: int) -> Page:
        # One more than asked for tells whether there is another page.
        found = await self._records(statement.order_by(ROWS.c.number.desc()).limit(limit + 1))
        more = len(found) > limit
        return Page(found[:limit], cursor_at(found[limit - 1].entry.number) if more else None)

    async def _records(self, statement: Select[Any]) -> list[Record]:
        # A connection a batch: whoever reads an export slowly holds none meanwhile.
        with sql_errors():
            async with self._engine.connect() as connection:
                rows = [Entry(*row) for row in await connection.execute(statement)]
                parts = await parts_of(connection, rows)
        return [Record.of(row, parts[row.number]) for row in rows]


async def parts_of(connection: AsyncConnection, rows: Sequence[Entry]) -> defaultdict[int, list[Part]]:
    """The personal values that are left of these rows of one chain, by number."""
    parts: defaultdict[int, list[Part]] = defaultdict(list)
    if not rows:
        return parts
    numbers = [row.number for row in rows]
    asked = select(PERSONAL).where(PERSONAL.c.tenant == rows[0].tenant)
    if abs(numbers[-1] - numbers[0]) < len(rows):
        asked = asked.where(PERSONAL.c.number.between(min(numbers), max(numbers)))
    else:
        asked = asked.where(PERSONAL.c.number.in_(numbers))
    for row in await connection.execute(asked):
        parts[row.number].append(Part(*row))
    return parts


def _chosen(wanted: Wanted) -> Select[Any]:
    statement = select(ROWS).where(ROWS.c.tenant == wanted.tenant)
    if wanted.event_type is not None:
        statement = statement.where(ROWS.c.type == wanted.event_type)
    if wanted.user_id is None:
        return statement
    named = and_(PERSONAL.c.tenant == ROWS.c.tenant, PERSONAL.c.number == ROWS.c.number)
    statement = statement.join(PERSONAL, named).where(PERSONAL.c.person == indexed(wanted.user_id))
    return statement.where(PERSONAL.c.role == "actor") if wanted.as_actor else statement
