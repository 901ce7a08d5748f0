"""Many rows in one statement. On PostgreSQL it is tested with the trail, in `tests/contract`."""

from pathlib import Path

from sqlalchemy import select

from bullpen.security.audit.chain import GENESIS, Entry, entry
from bullpen.security.audit.sql.rows import had, insert
from bullpen.security.audit.sql.tables import PERSONAL, ROWS
from tests.stubs.trail import trail_tables

AWKWARD = '{"text":"\\" \\u0000 é \U0001f512"}'


def row(number: int) -> Entry:
    content = (
        f"event-{number}",
        1_700_000_000.123456 + number,
        "data_read",
        "success",
        "api_key",
        "req",
        "/x",
        AWKWARD,
    )
    return entry("acme", number, GENESIS, *content, "", "")


async def test_rows_are_read_as_they_were_given(tmp_path: Path) -> None:
    """Every value in its column, to the last bit, whatever is in it."""
    given = [row(number) for number in range(1, 4)]
    async with trail_tables(tmp_path) as engine, engine.begin() as connection:
        await insert(connection, ROWS, given)
        assert [Entry(*each) for each in await connection.execute(select(ROWS).order_by(ROWS.c.number))] == given


async def test_no_rows_are_no_statement(tmp_path: Path) -> None:
    """An empty batch is nothing."""
    async with trail_tables(tmp_path) as engine, engine.begin() as connection:
        await insert(connection, PERSONAL, [])
        assert (await connection.execute(select(PERSONAL))).first() is None


async def test_known_ids_are_told(tmp_path: Path) -> None:
    """Those that are in a chain, and no others; thousands can be asked for at once."""
    async with trail_tables(tmp_path) as engine, engine.begin() as connection:
        await insert(connection, ROWS, [row(1), row(2)])
        assert await had(connection, [f"event-{number}" for number in range(2, 40_000)]) == {"event-2"}
        assert await had(connection, []) == set()
