"""What leaves a chain."""

from pathlib import Path

from structlog.testing import capture_logs

from bullpen.security.audit import Wanted
from tests.stubs.clock import StillClock
from tests.stubs.trail import a_trail, fact, facts, numbers, tamper


async def test_only_the_front_of_a_chain_is_removed(tmp_path: Path) -> None:
    """A late row that tells of an earlier time stays until all before it may go: a chain has no holes."""
    clock = StillClock()
    async with a_trail(tmp_path, clock=clock) as (log, _):
        await log.deliver([fact(0), fact(1), fact(900), fact(2)])
        clock.pass_time(200)
        assert await log.prune(older_than=100) == {"acme": 2}
        assert numbers((await log.entries(Wanted(tenant="acme"))).records) == [5, 4, 3]


async def test_a_chain_that_is_left_alone_is_told(tmp_path: Path) -> None:
    """The log names the tenant."""
    clock = StillClock()
    async with a_trail(tmp_path, clock=clock) as (log, engine):
        await log.deliver(facts(range(3)))
        await tamper(engine, "UPDATE audit_rows SET route = '' WHERE number = 1")
        clock.pass_time(200)
        with capture_logs() as logged:
            assert await log.prune(older_than=100) == {}
    assert [(line["event"], line["tenant"]) for line in logged] == [("audit_not_pruned", "acme")]


async def test_many_rows_of_a_person_are_erased_in_batches(tmp_path: Path) -> None:
    """All of them, and nobody else's."""
    async with a_trail(tmp_path) as (log, _):
        await log.deliver([*facts(range(2500)), fact(3000, actor="bob")])
        assert await log.erase("acme", "ann") == 2500
        assert (await log.verify("acme")).erased == 2500
        assert len((await log.entries(Wanted(tenant="acme", user_id="bob"))).records) == 1
