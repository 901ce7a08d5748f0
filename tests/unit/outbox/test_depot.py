"""The depot: what this process writes, and what dead ones left, in one folder."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from shutil import rmtree

import pytest
from structlog.testing import capture_logs

from bullpen.errors import DependencyDown
from bullpen.outbox import Fact
from bullpen.outbox.depot import Depot
from bullpen.outbox.quarantine import QUARANTINE
from tests.stubs.outbox import Hearer, fact, facts


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    depot = Depot(tmp_path / "outbox", synced=False, topics={"audit"}, segment_bytes=100, adopt_every=0)
    yield depot
    depot.close()


async def give(depot: Depot) -> list[str]:
    hearer = Hearer()
    while await depot.deliver(hearer.deliver):
        pass
    return hearer.heard


async def refuse(_: Sequence[Fact]) -> None:
    raise RuntimeError("not now")


async def test_what_was_written_is_given_away_once(depot: Depot) -> None:
    """`pending` counts what is not given away yet."""
    depot.write(facts("a", "b"))
    depot.write(facts("c"))
    assert depot.pending == depot.written == 3
    assert await give(depot) == ["a", "b", "c"]
    assert (depot.pending, depot.written) == (0, 3)
    assert await give(depot) == []


async def test_what_was_not_taken_stays(depot: Depot) -> None:
    """A hand that raises has taken nothing."""
    depot.write(facts("a"))
    with pytest.raises(RuntimeError, match="not now"):
        await depot.deliver(refuse)
    assert depot.pending == 1
    assert await give(depot) == ["a"]


async def test_the_folders_of_the_dead_are_adopted_and_removed(depot: Depot, tmp_path: Path) -> None:
    """What a closed depot left is given away with one's own, and nothing of it remains."""
    dead = Depot(tmp_path / "outbox", synced=False, segment_bytes=100)
    for number in range(9):
        dead.write(facts(f"dead-{number}"))
    dead.close()
    depot.write(facts("own"))
    assert await give(depot) == ["own", *(f"dead-{number}" for number in range(9))]
    depot.close()
    assert list((tmp_path / "outbox").iterdir()) == []


async def test_the_folders_of_the_living_are_left_alone(depot: Depot, tmp_path: Path) -> None:
    """A depot that is open keeps its facts, whoever looks."""
    living = Depot(tmp_path / "outbox", synced=False)
    living.write(facts("a"))
    assert await give(depot) == []
    assert await give(living) == ["a"]
    living.close()


async def test_a_folder_of_the_dead_that_cannot_be_read_does_not_stop_the_rest(depot: Depot, tmp_path: Path) -> None:
    """Failure mode: it is told and left for later, and all others are given away."""
    for name in ("a", "b"):
        dead = Depot(tmp_path / "outbox", synced=False)
        dead.write(facts(name))
        dead.close()
    broken, _ = sorted(path for path in (tmp_path / "outbox").iterdir() if path.name != QUARANTINE)
    hidden = (broken / "00000001.segment").rename(tmp_path / "hidden")
    (broken / "00000001.segment").mkdir()
    with capture_logs() as logged:
        heard = await give(depot)
    assert "outbox_unreadable" in {entry["event"] for entry in logged}
    (broken / "00000001.segment").rmdir()
    hidden.rename(broken / "00000001.segment")
    assert sorted(heard + await give(depot)) == ["a", "b"]


async def test_facts_nobody_knows_are_put_in_quarantine(depot: Depot, tmp_path: Path) -> None:
    """A topic of another version cannot be delivered, is not dropped, and stops nothing."""
    depot.write([fact("a"), fact("strange", topic="later"), fact("b")])
    assert await give(depot) == ["a", "b"]
    kept = list((tmp_path / "outbox" / QUARANTINE).iterdir())
    assert len(kept) == 1
    assert b"strange" in kept[0].read_bytes()


def test_a_folder_that_cannot_be_made_raises_until_it_can(tmp_path: Path) -> None:
    """Failure mode: `DependencyDown` from each write, and the first that can be made succeeds."""
    (tmp_path / "outbox").touch()
    depot = Depot(tmp_path / "outbox", synced=False)
    for _ in range(2):
        with pytest.raises(DependencyDown, match="outbox cannot be written"):
            depot.write(facts("a"))
    (tmp_path / "outbox").unlink()
    depot.write(facts("a"))
    assert depot.pending == 1
    depot.close()


async def test_a_folder_that_was_removed_is_made_anew(tmp_path: Path) -> None:
    """It tells so in the log, takes what comes next, and what is pending counts what is there."""
    hearer = Hearer()
    depot = Depot(tmp_path / "outbox", synced=False)
    depot.write(facts("lost"))
    rmtree(tmp_path / "outbox")
    await depot.deliver(hearer.deliver)  # it is seen now: until then the system keeps the file
    with capture_logs() as logged:
        depot.write(facts("a", "b"))
    assert [line["event"] for line in logged] == ["outbox_folder_lost"]
    assert (depot.pending, depot.written) == (2, 3)
    await depot.deliver(hearer.deliver)
    depot.close()
    assert hearer.heard == ["a", "b"]
