"""The table behind the shared outbox."""

from collections.abc import AsyncIterator, Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bullpen.outbox import Fact
from bullpen.outbox.sql import OutboxTable
from bullpen.stores import open_engine
from tests.stubs.outbox import Hearer, fact, facts


@pytest.fixture
async def engine(tables_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(tables_url)
    async with engine.begin() as connection:
        await connection.execute(text("TRUNCATE outbox"))
    yield engine
    await engine.dispose()


@pytest.fixture
def table(engine: AsyncEngine) -> OutboxTable:
    return OutboxTable(engine, topics=["audit"])


async def test_an_id_comes_once(table: OutboxTable) -> None:
    """Facts inserted again, as after a commit whose answer was lost, change nothing."""
    await table.insert(facts("a", "b"))
    await table.insert([fact("a", size=99), fact("c"), fact("c")])
    hearer = Hearer()
    assert await table.deliver(hearer.deliver) == 3
    assert hearer.heard == ["a", "b", "c"]


async def test_bodies_come_back_byte_for_byte(table: OutboxTable) -> None:
    """Whatever bytes a fact has."""
    given = Fact("a", "audit", bytes(range(256)))
    taken = list[Fact]()

    async def take(facts: Sequence[Fact]) -> None:
        taken.extend(facts)

    await table.insert([given])
    await table.deliver(take)
    assert taken == [given]


async def test_one_at_a_time_delivers(table: OutboxTable, engine: AsyncEngine) -> None:
    """While one replica is at it another has nothing to give, and does not wait for it."""
    await table.insert(facts("a", "b"))
    hearer = Hearer()

    async def meanwhile(_: Sequence[Fact]) -> None:
        assert await OutboxTable(engine, topics=["audit"]).deliver(hearer.deliver) == 0

    assert await table.deliver(meanwhile) == 2
    assert hearer.heard == []


async def test_rows_are_counted_and_go_when_they_are_delivered(table: OutboxTable) -> None:
    """A batch at a time, oldest first; what is refused stays."""
    await table.insert([fact(f"n{number}") for number in range(7)])
    hearer = Hearer(refusing=True)
    with pytest.raises(RuntimeError):
        await table.deliver(hearer.deliver, most=3)
    assert table.rows == 7
    hearer.refusing = False
    left = list[int]()
    while await table.deliver(hearer.deliver, most=3):
        left.append(table.rows)
    assert left == [4, 1, 0]
    assert hearer.heard == [f"n{number}" for number in range(7)]


async def test_topics_of_others_stay(table: OutboxTable, engine: AsyncEngine) -> None:
    """In a rolling update a replica leaves alone what only another version knows, and does not wait for it."""
    await table.insert([fact("a"), fact("later", topic="later")])
    hearer = Hearer()
    assert await table.deliver(hearer.deliver) == 1
    assert await table.delivered(await table.newest())
    assert await OutboxTable(engine, topics=["later"]).deliver(hearer.deliver) == 1
    assert hearer.heard == ["a", "later"]


async def test_a_mark_tells_what_was_delivered(table: OutboxTable) -> None:
    """Everything inserted before the mark counts, and nothing inserted after it."""
    await table.insert(facts("a"))
    mark = await table.newest()
    assert not await table.delivered(mark)
    await table.deliver(Hearer().deliver)
    await table.insert(facts("b"))
    assert await table.delivered(mark)
