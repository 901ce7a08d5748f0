"""What a delivery leaves beside the rows."""

from pathlib import Path

from structlog.testing import capture_logs

from bullpen.outbox import Fact
from bullpen.security.audit import EventType, Wanted
from bullpen.telemetry import Metrics
from tests.stubs.trail import a_trail, fact, facts


def counted(metrics: Metrics) -> dict[str, float]:
    samples = next(iter(metrics.audit_events_total.collect())).samples
    return {sample.labels["event_type"]: sample.value for sample in samples}


async def test_events_are_counted_once_by_type(tmp_path: Path) -> None:
    """What is delivered again is not; a type this version does not know cannot become a label."""
    metrics, known = Metrics(), fact(9)
    newer = Fact("newer", known.topic, known.body.replace(b"agent_execution", b"agent_teleported"))
    async with a_trail(tmp_path, metrics=metrics) as (log, _):
        await log.deliver([*facts(range(3)), fact(3, type=EventType.DATA_READ), newer])
        await log.deliver(facts(range(3)))
    assert counted(metrics) == {"agent_execution": 3, "data_read": 1, "other": 1}


async def test_a_checkpoint_is_told_in_the_log(tmp_path: Path) -> None:
    """The line is kept elsewhere: it still tells of rows that are gone, their checkpoint and their head with them."""
    async with a_trail(tmp_path) as (log, _):
        with capture_logs() as logged:
            await log.deliver(facts(range(1, 4)))
        newest = (await log.entries(Wanted(tenant="acme"))).records[0].entry
    (line,) = [line for line in logged if line["event"] == "audit_checkpoint"]
    assert (line["tenant"], line["number"], line["hash"]) == ("acme", 3, newest.hash)


async def test_hundreds_of_chains_are_signed(tmp_path: Path) -> None:
    """All that have grown, each once, whatever their number."""
    async with a_trail(tmp_path, sign_after=1e12) as (log, _):
        await log.deliver([fact(number, tenant=f"tenant-{number}") for number in range(250)])
        assert await log.seal() == 250
        assert await log.seal() == 0
