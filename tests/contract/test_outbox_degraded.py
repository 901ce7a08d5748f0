"""The shared outbox while its database is away, silent, or comes and goes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from bullpen.errors import DependencyDown
from bullpen.outbox import Consumer, Fact, Outbox
from bullpen.outbox.shared import SharedOutbox
from bullpen.outbox.sql import OutboxTable
from bullpen.stores import open_engine
from bullpen.telemetry import Metrics
from tests.stubs.cable import Cable
from tests.stubs.outbox import Hearer, facts, left_in, until

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
async def cable(tables_url: str) -> AsyncIterator[Cable]:
    """Leads to a database whose outbox is empty."""
    engine = open_engine(tables_url)
    async with engine.begin() as connection:
        await connection.execute(text("TRUNCATE outbox"))
    await engine.dispose()
    with Cable(tables_url) as cable:
        yield cable


@pytest.fixture
def hearer() -> Hearer:
    return Hearer()


class Replica:
    """One process' outbox, with an engine of its own."""

    def __init__(self, url: str, folder: Path, consumer: Consumer, *, patience: float = 1.0) -> None:
        self.metrics = Metrics()
        self._engine = open_engine(url, connect_timeout=2)
        self._outbox = SharedOutbox(
            OutboxTable(self._engine, topics=["audit"]),
            folder=folder,
            consumers={"audit": consumer},
            metrics=self.metrics,
            patience=patience,
            settle_within=20,
            close_within=0.2,
            poll=0.05,
        )

    async def __aenter__(self) -> Outbox:
        return await self._outbox.__aenter__()

    async def __aexit__(self, *_: object) -> None:
        await self._outbox.__aexit__()
        await self._engine.dispose()

    @property
    def gauge(self) -> float | None:
        return self.metrics.registry.get_sample_value("bullpen_audit_degraded")


async def test_away_facts_go_to_the_folder_and_come_back_in_order(cable: Cable, hearer: Hearer, tmp_path: Path) -> None:
    """Failure mode: degraded. Nothing fails that is not strict, the metric says so, and it ends by itself."""
    replica = Replica(cable.url, tmp_path, hearer)
    async with replica as outbox:
        await outbox.append(facts("before"))
        await outbox.settle()
        assert replica.gauge == 0
        cable.unplug()
        for number in range(700):
            await outbox.append(facts(f"away-{number}"))
        assert outbox.degraded
        assert replica.gauge == 1
        assert hearer.order == ["before"]
        cable.plug()
        await until(lambda: not outbox.degraded)
        await outbox.append(facts("after"))
        await outbox.settle()
        assert hearer.order == ["before", *(f"away-{number}" for number in range(700)), "after"]
        assert replica.gauge == 0


async def test_away_what_is_strict_is_refused(cable: Cable, hearer: Hearer, tmp_path: Path) -> None:
    """Failure mode: a strict append raises `DependencyDown` while degraded, also the one that finds out."""
    async with Replica(cable.url, tmp_path, hearer) as outbox:
        cable.unplug()
        for _ in range(2):
            with pytest.raises(DependencyDown, match="must be recorded there"):
                await outbox.append(facts("strict"), strict=True)
        await outbox.append(facts("lenient"))
        cable.plug()
        await until(lambda: not outbox.degraded)
        await outbox.append(facts("strict-again"), strict=True)
        await outbox.settle()
    assert hearer.order == ["lenient", "strict-again"]


async def test_a_silent_database_is_waited_for_only_so_long(cable: Cable, hearer: Hearer, tmp_path: Path) -> None:
    """Failure mode: one that answers nothing is as good as away after `patience`; order holds."""
    async with Replica(cable.url, tmp_path, hearer, patience=0.2) as outbox:
        await outbox.append(facts("before"))
        await outbox.settle()
        cable.hush()
        async with asyncio.timeout(10):
            await outbox.append(facts("a", "b"))
            await outbox.append(facts("c"))
        assert outbox.degraded
        cable.unplug()
        cable.plug()
        await until(lambda: not outbox.degraded)
        await hearer.has("a", "b", "c")
    assert hearer.order == ["before", "a", "b", "c"]


async def test_it_comes_back_under_load(cable: Cable, hearer: Hearer, tmp_path: Path) -> None:
    """Those who go on appending all the time cannot keep it degraded, and order holds over the change."""
    appended: list[str] = []

    async def load(outbox: Outbox) -> None:
        while True:
            appended.append(f"n{len(appended)}")
            await outbox.append(facts(appended[-1]))

    async with Replica(cable.url, tmp_path, hearer) as outbox:
        cable.unplug()
        loading = asyncio.create_task(load(outbox))
        await until(lambda: outbox.degraded)
        cable.plug()
        await until(lambda: not outbox.degraded)
        loading.cancel()
        await asyncio.wait((loading,))
        await outbox.append(facts("last"))
        await hearer.has(*appended[:-1], "last")
    recorded = set(appended[:-1])
    assert [name for name in hearer.order if name in recorded] == appended[:-1]


async def test_what_could_not_be_brought_back_is_counted_at_the_end(
    cable: Cable, hearer: Hearer, tmp_path: Path
) -> None:
    """A process that closes with the database away says how many facts stay; the next one brings them back."""
    with capture_logs() as logged:
        async with Replica(NOWHERE, tmp_path, hearer) as outbox:
            await outbox.append(facts("a", "b", "c"))
    assert [entry["facts"] for entry in logged if entry["event"] == "outbox_left_behind"] == [3]
    async with Replica(cable.url, tmp_path, hearer):
        await hearer.has("a", "b", "c")
    assert hearer.order == ["a", "b", "c"]


async def test_what_can_be_brought_back_is_before_the_end(cable: Cable, hearer: Hearer, tmp_path: Path) -> None:
    """A process that closes while degraded empties its folder first, if the database is there again."""
    hearer.refusing = True
    async with Replica(cable.url, tmp_path, hearer) as outbox:
        cable.unplug()
        await outbox.append(facts("a"))
        cable.plug()
        await until(lambda: not outbox.degraded)
    assert left_in(tmp_path) == []
    other = Hearer()
    async with Replica(cable.url, tmp_path / "another", other):
        await other.has("a")


async def test_a_folder_that_cannot_be_written_is_not_needed_until_it_is(
    cable: Cable, hearer: Hearer, tmp_path: Path
) -> None:
    """Failure mode: with the database away as well, `append` raises `DependencyDown`; afterwards it works again."""
    (tmp_path / "file").touch()
    async with Replica(cable.url, tmp_path / "file" / "outbox", hearer) as outbox:
        await outbox.append(facts("a"))
        cable.unplug()
        with pytest.raises(DependencyDown, match="cannot be written"):
            await outbox.append(facts("b"))
        assert outbox.degraded
        cable.plug()
        await until(lambda: not outbox.degraded)
        await outbox.append(facts("c"))
        await outbox.settle()
    assert hearer.order == ["a", "c"]


async def test_a_replica_that_is_cut_off_while_it_delivers_is_replaced(
    cable: Cable, tables_url: str, tmp_path: Path
) -> None:
    """The lock goes with its connection: what was being delivered is delivered by another."""
    held = Held()
    async with Replica(cable.url, tmp_path / "one", held) as one:
        await one.append(facts("a", "b"))
        await held.given.wait()
        hearer = Hearer()
        async with Replica(tables_url, tmp_path / "two", hearer) as two:
            await two.append(facts("c"))
            assert hearer.order == []
            cable.unplug()
            await hearer.has("a", "b", "c")
        assert hearer.order == ["a", "b", "c"]


class Held:
    """A consumer that is given something and never done with it."""

    def __init__(self) -> None:
        self.given = asyncio.Event()

    async def deliver(self, facts: Sequence[Fact]) -> None:
        self.given.set()
        await asyncio.Event().wait()
