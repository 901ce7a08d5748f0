"""P23: whoever edits the audit log is found out (litellm #29895, langchain #35357)."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bullpen.security.audit import Notary
from bullpen.security.audit.sql import SqlAuditLog
from bullpen.stores import open_engine
from bullpen.stores.schema import upgrade
from bullpen.telemetry import Metrics
from tests.stubs.database import KINDS, empty_database
from tests.stubs.serving import bullpen
from tests.stubs.trail import facts, tamper

SECRET = "5" * 64
MOVE = "UPDATE audit_rows SET number = {} WHERE number = {}"
EDITS = {
    "changed": ["UPDATE audit_rows SET outcome = 'denied' WHERE number = 17"],
    "removed": ["DELETE FROM audit_rows WHERE number = 17"],
    "reordered": [MOVE.format(1000, 17), MOVE.format(17, 23), MOVE.format(23, 1000)],
}


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    postgres_url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    with empty_database(request.param, folder=tmp_path, postgres_url=postgres_url) as url:
        yield url


@pytest.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(url)
    await upgrade(engine)
    yield engine
    await engine.dispose()


@pytest.fixture
async def log(engine: AsyncEngine) -> SqlAuditLog:
    """The trail as `GET /audit/verify` has it, with 40 events in it."""
    log = SqlAuditLog(engine, notary=Notary(SECRET), metrics=Metrics())
    await log.deliver(facts(range(40)))
    return log


def verified(folder: Path, url: str) -> tuple[int, str]:
    """What the command says, and how it ends."""
    done = bullpen("audit", "verify", folder=folder, settings={"DATABASE_URL": url, "API_SECRET_KEY": SECRET})
    return done.returncode, done.stdout


@pytest.mark.parametrize("edit", EDITS)
async def test_p23_one_row_that_was_edited_is_found_and_named(
    log: SqlAuditLog, engine: AsyncEngine, url: str, tmp_path: Path, edit: str
) -> None:
    """Changed, removed or moved: the service and the command name the first such row, and what became of it."""
    await tamper(engine, *EDITS[edit])

    fault = (await log.verify("acme")).fault
    code, said = verified(tmp_path, url)

    assert fault is not None
    assert (fault.number, fault.kind) == (17, edit)
    assert code == 1
    assert f"acme: BROKEN, {fault}" in said
    assert "row 17 " in said


async def test_p23_an_honest_chain_verifies(log: SqlAuditLog, url: str, tmp_path: Path) -> None:
    """Nobody is suspected without reason."""
    found = await log.verify("acme")
    code, said = verified(tmp_path, url)
    assert (found.intact, found.through) == (True, 40)
    assert code == 0
    assert "acme: whole, rows 1 to 40" in said
