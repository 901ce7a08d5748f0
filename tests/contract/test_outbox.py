"""What every `Outbox` promises, held against each of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bullpen.errors import DependencyDown
from bullpen.outbox import Consumer, Outbox
from bullpen.outbox.local import LocalOutbox
from bullpen.outbox.shared import SharedOutbox
from bullpen.outbox.sql import OutboxTable
from bullpen.stores import open_engine
from bullpen.telemetry import Metrics
from tests.stubs.outbox import Hearer, appender, fact, facts, kill

MODES = ("process", "disk", "shared")
Mode = Literal["process", "disk", "shared"]


@dataclass
class House:
    """Where outboxes of one mode are opened; they share a folder and, in `shared`, a database."""

    mode: Mode
    folder: Path
    engine: AsyncEngine | None
    hearer: Hearer = field(default_factory=Hearer)

    def outbox(self, *, hearer: Hearer | None = None) -> AbstractAsyncContextManager[Outbox]:
        consumers: dict[str, Consumer] = {"audit": hearer or self.hearer, "other": hearer or self.hearer}
        if self.engine is not None:
            return SharedOutbox(
                OutboxTable(self.engine, topics=consumers),
                folder=self.folder,
                consumers=consumers,
                metrics=Metrics(),
                settle_within=2,
                adopt_every=0.1,
                poll=0.05,
            )
        mode: Literal["process", "disk"] = "disk" if self.mode == "disk" else "process"
        return LocalOutbox(
            self.folder,
            consumers=consumers,
            metrics=Metrics(),
            mode=mode,
            segment_bytes=2_000,
            settle_within=2,
            close_within=0.5,
            adopt_every=0.1,
            poll=0.05,
        )


@pytest.fixture(params=MODES)
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        engine = None
        if request.param == "shared":
            engine = await stack.enter_async_context(emptied(request.getfixturevalue("tables_url")))
        yield House(request.param, tmp_path / "outbox", engine)


@asynccontextmanager
async def emptied(url: str) -> AsyncIterator[AsyncEngine]:
    """A database with nothing in its outbox."""
    engine = open_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text("TRUNCATE outbox"))
    yield engine
    await engine.dispose()


async def test_what_is_appended_is_delivered_in_order(house: House) -> None:
    """Facts reach their consumer whole, each once when nothing fails, in the order they were appended."""
    async with house.outbox() as outbox:
        for group in range(40):
            await outbox.append([fact(f"{group}-{part}", size=group) for part in range(3)])
        await outbox.settle()
        assert house.hearer.heard == [f"{group}-{part}" for group in range(40) for part in range(3)]
        assert not outbox.degraded


async def test_many_who_append_at_once_are_all_heard(house: House) -> None:
    """Whoever is answered was recorded, however many share one commit."""
    names = [f"n{number}" for number in range(300)]
    async with house.outbox() as outbox:
        await asyncio.gather(*(outbox.append([fact(name)], strict=True) for name in names))
        await outbox.settle()
    assert sorted(house.hearer.heard) == sorted(names)


async def test_appending_nothing_costs_nothing(house: House) -> None:
    """An empty sequence is no fact."""
    async with house.outbox() as outbox:
        await outbox.append([])
        await outbox.settle()
    assert house.hearer.batches == []


async def test_a_batch_has_a_bound(house: House) -> None:
    """A consumer is given 500 facts at once at most, even of one append."""
    names = [f"n{number}" for number in range(1_203)]
    async with house.outbox() as outbox:
        await outbox.append([fact(name) for name in names])
        await outbox.settle()
    assert house.hearer.heard == names
    assert max(map(len, house.hearer.batches)) == 500


async def test_a_consumer_that_fails_is_given_the_same_facts_again(house: House) -> None:
    """Failure mode of the consumer: its batch comes again, in the same order, and nothing overtakes it."""
    house.hearer.refusing = True
    async with house.outbox() as outbox:
        await outbox.append(facts("a", "b"))
        await house.hearer.refuses(2)
        await outbox.append(facts("c"))
        await house.hearer.refuses(1)
        house.hearer.refusing = False
        await house.hearer.has("a", "b", "c")
    assert all(batch[:2] == ["a", "b"] for batch in house.hearer.refused)
    assert house.hearer.heard == ["a", "b", "c"]


async def test_what_cannot_be_kept_is_a_mistake_of_the_caller(house: House) -> None:
    """An id or topic of another form, or a body of more than 64 KiB, is refused, and harms nobody else's facts."""
    async with house.outbox() as outbox:
        for wrong in (fact(""), fact("a\0"), fact("a" * 65), fact("a", topic="é"), fact("a", size=65_537)):
            with pytest.raises(ValueError, match="cannot be kept"):
                await outbox.append([fact("good"), wrong])
        await outbox.append([fact("a" * 64, size=65_536)])
        await outbox.settle()
    assert house.hearer.heard == ["a" * 64]


async def test_topics_go_to_their_consumers(house: House) -> None:
    """Facts of several topics in one append are given apart, each topic in order."""
    async with house.outbox() as outbox:
        await outbox.append([fact("a1"), fact("o1", topic="other"), fact("a2"), fact("o2", topic="other")])
        await outbox.settle()
    assert house.hearer.batches == [["a1", "a2"], ["o1", "o2"]]


async def test_a_process_that_closes_loses_nothing(house: House) -> None:
    """What a consumer refused until the end is delivered by the next process."""
    async with house.outbox(hearer=Hearer(refusing=True)) as outbox:
        await outbox.append(facts("a", "b"))
    async with house.outbox() as outbox:
        await house.hearer.has("a", "b")
    assert house.hearer.heard == ["a", "b"]


async def test_a_closed_outbox_records_nothing(house: House) -> None:
    """Whoever appends after closing is told that it was not recorded."""
    async with house.outbox() as outbox:
        pass
    with pytest.raises(DependencyDown, match="stopping"):
        await outbox.append(facts("late"))


async def test_two_share_a_folder(house: House) -> None:
    """Each process' facts are delivered once, and neither takes the other's for a dead one's."""
    async with house.outbox() as one, house.outbox() as two:
        for number in range(20):
            await asyncio.gather(one.append(facts(f"one-{number}")), two.append(facts(f"two-{number}")))
        await asyncio.gather(one.settle(), two.settle())
        heard = house.hearer.heard
        assert len(heard) == 40
        assert [name for name in heard if name.startswith("one")] == [f"one-{number}" for number in range(20)]
        assert [name for name in heard if name.startswith("two")] == [f"two-{number}" for number in range(20)]


async def test_settling_has_an_end(house: House) -> None:
    """Failure mode: while the consumer refuses, `settle` raises `DependencyDown` within its patience."""
    hearer = Hearer(refusing=True)
    async with house.outbox(hearer=hearer) as outbox:
        await outbox.append(facts("a"))
        with pytest.raises(DependencyDown, match="not delivered yet"):
            await outbox.settle()
        hearer.refusing = False
        await hearer.has("a")


@pytest.mark.parametrize("house", ["process", "disk"], indirect=True)
async def test_what_a_killed_process_recorded_is_delivered(house: House) -> None:
    """`kill -9` in the middle of appending: every id that was said to be recorded is delivered, in order."""
    with appender(house.folder, house.mode) as process:
        recorded = await asyncio.to_thread(kill, process, after=600)
    async with house.outbox():
        await house.hearer.has(*recorded)
    assert [name for name in dict.fromkeys(house.hearer.heard) if name in set(recorded)] == recorded


@pytest.mark.parametrize("house", ["shared"], indirect=True)
async def test_what_a_killed_process_kept_in_its_folder_is_delivered(house: House) -> None:
    """In `shared`, with the database away and then `kill -9`: the next process brings the folder to the table."""
    with appender(house.folder, "shared", database="postgresql://nobody@127.0.0.1:1/none") as process:
        recorded = await asyncio.to_thread(kill, process, after=60)
    async with house.outbox():
        await house.hearer.has(*recorded)
    assert [name for name in dict.fromkeys(house.hearer.heard) if name in set(recorded)] == recorded


@pytest.mark.parametrize("house", ["shared"], indirect=True)
async def test_what_a_killed_process_inserted_is_delivered_without_its_folder(house: House, tmp_path: Path) -> None:
    """In `shared`, `kill -9` and the loss of the folder lose nothing that was answered: another replica delivers it."""
    assert house.engine is not None
    url = house.engine.url.render_as_string(hide_password=False)
    with appender(tmp_path / "pod", "shared", database=url) as process:
        recorded = await asyncio.to_thread(kill, process, after=60)
    async with house.outbox():
        await house.hearer.has(*recorded)
    assert [name for name in dict.fromkeys(house.hearer.heard) if name in set(recorded)] == recorded


@pytest.mark.parametrize("house", ["process", "disk"], indirect=True)
async def test_the_living_adopt_the_dead(house: House) -> None:
    """A process that has run all along finds what another left when it died, without a restart."""
    async with house.outbox():
        with appender(house.folder, house.mode) as process:
            recorded = await asyncio.to_thread(kill, process, after=30)
        await house.hearer.has(*recorded)


@pytest.mark.parametrize("house", ["process", "disk"], indirect=True)
async def test_a_folder_that_cannot_be_made_stops_the_start(house: House) -> None:
    """Failure mode: an outbox that could record nothing does not open."""
    house.folder.write_text("in the way")
    with pytest.raises(DependencyDown, match="cannot be written"):
        async with house.outbox():
            pytest.fail("it opened")
