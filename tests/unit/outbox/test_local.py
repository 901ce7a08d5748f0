"""What only the outbox in files does; the rest is in tests/contract/test_outbox.py."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bullpen.errors import DependencyDown
from bullpen.outbox.local import LocalOutbox
from bullpen.telemetry import Metrics
from tests.stubs.outbox import Hearer, fact, facts, left_in


@pytest.fixture
def hearer() -> Hearer:
    return Hearer()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


async def test_those_who_wait_for_the_disk_share_a_flush(tmp_path: Path, hearer: Hearer, metrics: Metrics) -> None:
    """A hundred appends at once cost a few flushes, not a hundred."""
    async with LocalOutbox(tmp_path, consumers={"audit": hearer}, metrics=metrics, mode="disk") as outbox:
        await asyncio.gather(*(outbox.append([fact(f"n{number}")]) for number in range(100)))
    flushes = metrics.registry.get_sample_value("bullpen_audit_commit_seconds_count")
    assert flushes is not None
    assert 1 <= flushes <= 3


async def test_a_process_does_not_wait_for_the_disk(tmp_path: Path, hearer: Hearer, metrics: Metrics) -> None:
    """In mode `process` an append ends without giving way: no task, no thread, no commit."""
    async with LocalOutbox(tmp_path, consumers={"audit": hearer}, metrics=metrics) as outbox:
        appending = outbox.append(facts("a"), strict=True)
        with pytest.raises(StopIteration):
            appending.send(None)
    assert metrics.registry.get_sample_value("bullpen_audit_commit_seconds_count") == 0


async def test_what_was_delivered_leaves_nothing(tmp_path: Path, hearer: Hearer, metrics: Metrics) -> None:
    """After a clean end the folder is empty."""
    async with LocalOutbox(tmp_path, consumers={"audit": hearer}, metrics=metrics) as outbox:
        await outbox.append(facts("a"))
    assert hearer.heard == ["a"]
    assert left_in(tmp_path) == []


async def test_what_is_left_at_the_end_is_counted(tmp_path: Path, hearer: Hearer, metrics: Metrics) -> None:
    """Closing goes on delivering for a while, then says how many facts stay; the metric does too."""
    hearer.refusing = True
    with capture_logs() as logged:
        async with LocalOutbox(tmp_path, consumers={"audit": hearer}, metrics=metrics, close_within=0.1) as outbox:
            await outbox.append(facts("a", "b"))
            await hearer.refuses()
            assert metrics.registry.get_sample_value("bullpen_audit_outbox_rows") == 2
    assert [entry["facts"] for entry in logged if entry["event"] == "outbox_left_behind"] == [2]


async def test_a_folder_that_is_taken_away_is_made_anew(tmp_path: Path, hearer: Hearer, metrics: Metrics) -> None:
    """The log tells of both; once the loss is seen, what comes next is recorded in a new one, or refused."""
    folder = tmp_path / "outbox"
    hearer.refusing = True
    outbox = LocalOutbox(folder, consumers={"audit": hearer}, metrics=metrics, close_within=0.1, poll=0.01)
    async with outbox:
        await outbox.append(facts("a"))
        await hearer.refuses()
        folder.rename(tmp_path / "away")
        with capture_logs() as logged:
            await outbox.settle()
        assert "outbox_segment_lost" in {entry["event"] for entry in logged}
        folder.touch()
        with pytest.raises(DependencyDown, match="cannot be written"):
            await outbox.append(facts("b"))
        folder.unlink()
        hearer.refusing = False
        await outbox.append(facts("c"))
        await outbox.settle()
    assert hearer.heard == ["c"]
