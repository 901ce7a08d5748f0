"""Many rows in one statement, at a fraction of what a statement a row costs."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import orjson
from sqlalchemy import JSON, Insert, Select, Table, Text, any_, bindparam, cast, column, func, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from bullpen.security.audit.sql.tables import ROWS

__all__ = ["had", "insert"]

_GIVEN: Final = "given"


async def insert(connection: AsyncConnection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Inserts the rows, whose values are in the order of the table's columns."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        await connection.exec_driver_sql(_by_position(table), list(rows))
        return
    names = list(map(str, table.columns.keys()))
    given = orjson.dumps([dict(zip(names, row, strict=True)) for row in rows]).decode()
    await connection.execute(_from_json(table), {_GIVEN: given})


async def had(connection: AsyncConnection, ids: Sequence[str]) -> set[str]:
    """Those of the events' ids that are in some chain already."""
    if connection.dialect.name == "sqlite":
        asked = connection.execute(_KNOWN_TO_SQLITE, {_GIVEN: orjson.dumps(ids).decode()})
    else:
        asked = connection.execute(_KNOWN_TO_POSTGRES, {_GIVEN: list(ids)})
    return set((await asked).scalars())


@cache
def _by_position(table: Table) -> str:
    # As the driver takes it: SQLAlchemy's own way copies each row twice before.
    return str(table.insert().compile(dialect=sqlite.dialect()))


@cache
def _from_json(table: Table) -> Insert:
    # In one parameter: the driver would send a statement a row, and binding an array a column costs as much again.
    typed = [column(each.name, each.type) for each in table.columns]
    told = func.json_to_recordset(cast(bindparam(_GIVEN, type_=Text), JSON)).table_valued(*typed)
    return table.insert().from_select(list(table.columns), select(told.render_derived(name=_GIVEN, with_types=True)))


def _known(ids: Any) -> Select[Any]:
    return select(ROWS.c.id).where(ids)


_KNOWN_TO_SQLITE: Final = _known(ROWS.c.id.in_(select(func.json_each(bindparam(_GIVEN)).table_valued("value").c.value)))
_KNOWN_TO_POSTGRES: Final = _known(ROWS.c.id == any_(bindparam(_GIVEN, type_=ARRAY(Text))))
