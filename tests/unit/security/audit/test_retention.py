"""The upkeep: who does it, when, and what becomes of a failure."""

import asyncio
from collections.abc import Mapping

import pytest
from structlog.testing import capture_logs

from bullpen.errors import DependencyDown
from bullpen.security.audit.retention import DAY, Retention


class Kept:
    """An upkeep that notes what is asked of it, and fails when told to."""

    def __init__(self, *, mine: bool = True, fails: Exception | None = None) -> None:
        self.asked: list[str] = []
        self.kept_for = 0.0
        self.turned = asyncio.Event()
        self._mine = mine
        self._fails = fails

    async def seal(self) -> int:
        self.asked.append("seal")
        if self.asked.count("seal") == 3:
            self.turned.set()
        return 1

    async def prune(self, *, older_than: float) -> Mapping[str, int]:
        self.asked.append("prune")
        self.kept_for = older_than
        if self._fails:
            raise self._fails
        return {"acme": 3}

    async def claim(self, chore: str, *, every: float) -> bool:
        self.asked.append(f"claim {chore} {every:.0f}")
        return self._mine

    async def disclaim(self, chore: str) -> None:
        self.asked.append(f"disclaim {chore}")


async def test_a_turn_signs_and_prunes() -> None:
    """Rows are kept for seven years when nothing else is said."""
    upkeep = Kept()
    await Retention(upkeep).turn()
    assert upkeep.asked == ["seal", "claim prune 86400", "prune"]
    assert upkeep.kept_for == 2555 * DAY


async def test_another_replica_prunes() -> None:
    """Who does not get the chore only signs."""
    upkeep = Kept(mine=False)
    await Retention(upkeep).turn()
    assert "prune" not in upkeep.asked


@pytest.mark.parametrize("error", [DependencyDown("away"), RuntimeError("a defect")])
async def test_a_chore_that_failed_is_left_to_the_next(error: Exception) -> None:
    """It need not wait for another day."""
    upkeep = Kept(fails=error)
    with pytest.raises(type(error)):
        await Retention(upkeep).turn()
    assert upkeep.asked[-1] == "disclaim prune"


@pytest.mark.parametrize(
    ("error", "told"), [(DependencyDown("away"), "audit_upkeep_put_off"), (RuntimeError(), "round_failed")]
)
async def test_the_upkeep_goes_on_after_a_failure(error: Exception, told: str) -> None:
    """A database that is away, or a defect, is told in the log, and the next turn comes."""
    upkeep = Kept(fails=error)
    retention = Retention(upkeep, every=0.001)
    with capture_logs() as logged:
        retention.start()
        async with asyncio.timeout(10):
            await upkeep.turned.wait()
        await retention.aclose()
    assert told in {line["event"] for line in logged}


async def test_closing_signs_for_the_last_time() -> None:
    """What was appended since is under a signature when the process is gone; and closing may come before starting."""
    upkeep = Kept()
    await Retention(upkeep).aclose()
    assert upkeep.asked == ["seal"]
