"""What a request records, and when."""

import asyncio

import pytest

from bullpen.caller import Caller
from bullpen.errors import DependencyDown
from bullpen.security.audit import HOUSE, Audit, EventType, Origin
from tests.stubs.clock import StillClock
from tests.stubs.kept import Kept

ANN = Caller(user_id="ann", tenant="acme", credential="jwt")
DOOR = Origin(address="192.0.2.7", request_id="req_1")


@pytest.fixture
def outbox() -> Kept:
    return Kept()


@pytest.fixture
def audit(outbox: Kept) -> Audit:
    return Audit(outbox, clock=StillClock())


async def test_a_request_is_one_append(audit: Audit, outbox: Kept) -> None:
    """What it did is recorded together and in order, with where it came from, and once."""
    audit.begin(DOOR)
    audit.record(EventType.AUTHENTICATION_SUCCESS, ANN)
    audit.record(EventType.AGENT_EXECUTION, ANN, task_length=5)
    await audit.commit()
    await audit.commit()
    first, second = outbox.events
    assert len(outbox.appends) == 1
    assert (first.type, second.type) == (EventType.AUTHENTICATION_SUCCESS, EventType.AGENT_EXECUTION)
    assert (second.tenant, second.actor, second.credential) == ("acme", "ann", "jwt")
    assert (second.at, second.origin, second.details) == (1_700_000_000.0, DOOR, {"task_length": 5})
    assert first.id != second.id


async def test_a_stranger_belongs_to_nobody(audit: Audit, outbox: Kept) -> None:
    """Whatever they say of themselves is a detail, and no tenant's."""
    audit.record(EventType.TOKEN_EXPIRED, outcome="denied", details={"tenant": "acme"}, user_id="ann")
    await audit.commit()
    (event,) = outbox.events
    assert (event.tenant, event.actor, event.credential, event.outcome) == (HOUSE, "", "", "denied")
    assert event.details == {"tenant": "acme", "user_id": "ann"}


async def test_what_no_request_did_is_announced(audit: Audit, outbox: Kept) -> None:
    """Nobody waits for it; what could not be recorded is, with the next one."""
    outbox.away = True
    audit.announce(EventType.POLICY_RELOADED)
    await asyncio.sleep(0)
    outbox.away = False
    audit.announce(EventType.POLICY_REJECTED, outcome="error", problems=2)
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
    assert [each.type for each in outbox.events] == ["policy_reloaded", "policy_rejected"]


async def test_requests_do_not_mix(audit: Audit, outbox: Kept) -> None:
    """Each records what it did, also when they take turns."""

    async def request(number: int) -> None:
        audit.begin(Origin(request_id=f"req_{number}"))
        for _ in range(2):
            audit.record(EventType.DATA_READ, ANN)
            await asyncio.sleep(0)
        await audit.commit()

    await asyncio.gather(*(request(number) for number in range(5)))
    assert [each.origin.request_id for each in outbox.events] == [f"req_{number // 2}" for number in range(10)]
    assert len(outbox.appends) == 5


async def test_what_could_not_be_recorded_is_kept(audit: Audit, outbox: Kept) -> None:
    """It is recorded by the next commit, in order; or given up, so that its caller can be told."""
    trail = audit.begin(DOOR)
    audit.record(EventType.DATA_READ, ANN, number=1)
    outbox.degraded = True
    with pytest.raises(DependencyDown):
        await audit.commit(strict=True)
    assert trail.pending
    audit.record(EventType.DATA_READ, ANN, number=2)
    await audit.commit()
    assert [each.details["number"] for each in outbox.events] == [1, 2]
    audit.record(EventType.DATA_READ, ANN)
    trail.abandon()
    assert not trail.pending
