"""Verification over more than one batch."""

from pathlib import Path

import pytest

from bullpen.security.audit.walk import Fault
from tests.stubs.trail import a_trail, facts, tamper


@pytest.mark.parametrize("number", [1, 250, 251, 252, 500, 600])
async def test_a_change_is_named_wherever_a_batch_ends(tmp_path: Path, number: int) -> None:
    """A row that waits for the next one to be judged is not forgotten between two batches."""
    async with a_trail(tmp_path) as (log, engine):
        await log.deliver(facts(range(600)))
        await tamper(engine, "DELETE FROM audit_checkpoints", f"UPDATE audit_rows SET at = 1 WHERE number = {number}")
        found = await log.verify("acme")
    assert found.fault == Fault(number, number, "changed")
    assert found.through == number - 1


async def test_nobody_has_a_whole_chain(tmp_path: Path) -> None:
    """A tenant without rows has nothing that could be wrong."""
    async with a_trail(tmp_path) as (log, _):
        found = await log.verify("nobody")
    assert (found.intact, found.through) == (True, 0)


async def test_a_blob_in_the_place_of_a_text_is_a_change(tmp_path: Path) -> None:
    """SQLite keeps what it is given; verification does not stumble over it."""
    async with a_trail(tmp_path) as (log, engine):
        await log.deliver(facts(range(5)))
        await tamper(engine, "UPDATE audit_rows SET details = x'00ff' WHERE number = 3")
        assert (await log.verify("acme")).fault == Fault(3, 3, "changed")
        await tamper(engine, "UPDATE audit_personal SET body = x'00ff' WHERE number = 2")
        assert (await log.verify("acme")).fault == Fault(2, 2, "values_changed")
