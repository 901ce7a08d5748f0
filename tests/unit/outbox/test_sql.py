"""The table of the outbox; what it does with a database is in tests/contract/test_outbox_table.py."""

from pathlib import Path

import pytest

from bullpen.errors import DependencyDown, Misconfigured
from bullpen.outbox.sql import OutboxTable
from bullpen.stores import open_engine
from tests.stubs.outbox import Hearer, facts


async def test_only_postgres_is_shared(tmp_path: Path) -> None:
    """A SQLite file is refused when the table is made, not when something is to be recorded."""
    engine = open_engine(f"sqlite:///{tmp_path / 'bullpen.db'}")
    with pytest.raises(Misconfigured, match="AUDIT__DURABILITY"):
        OutboxTable(engine, topics=["audit"])
    await engine.dispose()


async def test_a_database_that_is_away_raises_from_every_method() -> None:
    """Failure mode: `DependencyDown`, and nothing is given to the consumer."""
    engine = open_engine("postgresql://nobody@127.0.0.1:1/none")
    table, hearer = OutboxTable(engine, topics=["audit"]), Hearer()
    for call in (table.insert(facts("a")), table.deliver(hearer.deliver), table.newest(), table.delivered(1)):
        with pytest.raises(DependencyDown):
            await call
    assert hearer.heard == []
    await engine.dispose()
