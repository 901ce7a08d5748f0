"""Chores of one replica."""

from pathlib import Path

from bullpen.security.audit.sql.chores import Chores
from tests.stubs.clock import StillClock
from tests.stubs.trail import trail_tables


async def test_a_chore_is_taken_once_in_its_time(tmp_path: Path) -> None:
    """By its name; what was left undone can be taken at once, and leaving what nobody has taken does nothing."""
    clock = StillClock()
    async with trail_tables(tmp_path) as engine:
        chores = Chores(engine, clock=clock)
        await chores.disclaim("prune")
        assert [await chores.claim("prune", every=60) for _ in range(2)] == [True, False]
        assert await chores.claim("other", every=60)
        await chores.disclaim("prune")
        assert [await chores.claim("prune", every=60) for _ in range(2)] == [True, False]
        clock.pass_time(60)
        assert await chores.claim("prune", every=60)
