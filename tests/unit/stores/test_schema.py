"""Which revision is needed, and what a database that is away means. The rest is in `tests/contract`."""

from pathlib import Path

import pytest

from bullpen.errors import DependencyDown
from bullpen.stores import open_engine
from bullpen.stores.schema import current, newest, upgrade, wait_until_current

SCRIPTS = Path(__file__).parents[3] / "db" / "migrations" / "versions"
AWAY = "postgresql://nobody@127.0.0.1:1/none"


def test_the_newest_revision_is_the_last_script() -> None:
    """Revisions are numbered, and a file is named after its own."""
    assert max(script.name for script in SCRIPTS.glob("*.py")).startswith(f"{newest()}_")


async def test_a_database_that_is_away_has_no_revision_and_is_not_migrated() -> None:
    """Both say `DependencyDown`."""
    engine = open_engine(AWAY)
    with pytest.raises(DependencyDown):
        await current(engine)
    with pytest.raises(DependencyDown):
        await upgrade(engine)
    await engine.dispose()


async def test_waiting_bears_with_a_database_that_is_away() -> None:
    """It may come later than the server; only when it never does is that an error."""
    engine = open_engine(AWAY)
    with pytest.raises(DependencyDown, match="Nothing listens at its address"):
        await wait_until_current(engine, longest=0.6)
    await engine.dispose()
