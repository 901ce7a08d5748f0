"""The shared outbox without its database; with one, it is in tests/contract/test_outbox*.py."""

from pathlib import Path

import pytest

from bullpen.errors import DependencyDown
from bullpen.outbox.shared import SharedOutbox
from bullpen.outbox.sql import OutboxTable
from bullpen.stores import open_engine
from bullpen.telemetry import Metrics
from tests.stubs.outbox import Hearer, facts, left_in


async def test_started_without_its_database_it_is_degraded(tmp_path: Path) -> None:
    """Failure mode: it opens, keeps facts in its folder, refuses what is strict, and cannot settle."""
    engine = open_engine("postgresql://nobody@127.0.0.1:1/none")
    hearer = Hearer()
    outbox = SharedOutbox(
        OutboxTable(engine, topics=["audit"]),
        folder=tmp_path,
        consumers={"audit": hearer},
        metrics=Metrics(),
        settle_within=0.1,
        close_within=0.1,
    )
    async with outbox:
        await outbox.append(facts("a"))
        with pytest.raises(DependencyDown, match="must be recorded there"):
            await outbox.append(facts("b"), strict=True)
        with pytest.raises(DependencyDown, match="not delivered yet"):
            await outbox.settle()
        assert outbox.degraded
    assert hearer.heard == []
    assert len(left_in(tmp_path)) == 1
    await engine.dispose()
