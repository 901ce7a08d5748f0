"""Delivery into chains that other hands have changed, in every database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from bullpen.security.audit import Wanted
from bullpen.stores import open_engine
from bullpen.stores.schema import upgrade
from tests.stubs.database import KINDS, empty_database
from tests.stubs.trail import fact, facts, log_in, tamper


@pytest.fixture(params=KINDS)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    postgres_url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    with empty_database(request.param, folder=tmp_path, postgres_url=postgres_url) as url:
        engine = open_engine(url)
        await upgrade(engine)
        yield engine
        await engine.dispose()


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit_heads SET number = 2, hash = (SELECT hash FROM audit_rows WHERE number = 2 AND tenant = 'acme')",
        "DELETE FROM audit_heads WHERE tenant = 'acme'",
        "INSERT INTO audit_personal (tenant, number, role, person, salt, body) VALUES ('acme', 6, 'actor', '', '', '')",
    ],
)
async def test_a_chain_that_was_tampered_with_stops_no_other(engine: AsyncEngine, tampering: str) -> None:
    """Its own events are kept too, behind a break that verification finds, and the log tells of it."""
    log = log_in(engine)
    await log.deliver(facts(range(5)))
    await tamper(engine, tampering)
    with capture_logs() as logged:
        await log.deliver([fact(5), fact(6, tenant="globex"), fact(7)])
    assert [(line["event"], line["tenant"]) for line in logged if line["log_level"] == "error"] == [
        ("audit_chain_broken", "acme")
    ]
    assert (await log.verify("globex")).intact
    assert not (await log.verify("acme")).intact
    kept = (await log.entries(Wanted(tenant="acme"))).records
    assert {record.entry.id for record in kept} == {f"event-{number}" for number in (0, 1, 2, 3, 4, 5, 7)}


async def test_a_false_checkpoint_does_not_stop_the_signing(engine: AsyncEngine) -> None:
    """Whatever stands where a checkpoint belongs gives way to it."""
    log = log_in(engine)
    await log.deliver(facts(range(3)))
    await tamper(
        engine,
        "DELETE FROM audit_checkpoints",
        "UPDATE audit_heads SET signed_number = 0",
        "INSERT INTO audit_checkpoints (tenant, number, hash, at, kind, key_id, signature) "
        "VALUES ('acme', 3, '', 0, 'mark', '', '')",
    )
    assert await log.seal() == 1
    assert (await log.verify("acme")).signed == 3
