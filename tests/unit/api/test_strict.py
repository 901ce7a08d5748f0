"""What is done only when it is on record."""

import pytest

from bullpen.api.strict import strictly
from bullpen.caller import Caller
from bullpen.errors import DependencyDown
from bullpen.security.audit import Audit, EventType, Origin
from tests.stubs.kept import Kept

ANN = Caller(user_id="ann", tenant="acme", credential="test")


async def test_it_is_recorded_before_it_is_done() -> None:
    """Strictly, with what else the request has done so far, and once."""
    kept = Kept()
    audit = Audit(kept)
    audit.begin(Origin())
    audit.record(EventType.DATA_READ, ANN)
    async with strictly(audit, EventType.API_KEY_REVOKED, ANN, key_id="k"):
        assert kept.types == ["data_read", "api_key_revoked"]
        assert kept.stricts == [True]
    await audit.commit()
    assert kept.types == ["data_read", "api_key_revoked"]
    assert kept.events[-1].details == {"key_id": "k"}
    assert kept.events[-1].actor == "ann"


async def test_what_cannot_be_recorded_is_not_done() -> None:
    """While events are kept less firmly than promised, the block is not entered; what was wanted is recorded so."""
    kept = Kept()
    kept.degraded = True
    audit = Audit(kept)
    with pytest.raises(DependencyDown):
        async with strictly(audit, EventType.API_KEY_REVOKED, ANN):
            pytest.fail("The block was entered.")
    await audit.commit()
    assert [(event.type.value, event.outcome) for event in kept.events] == [
        ("api_key_revoked", "success"),
        ("api_key_revoked", "error"),
    ]


async def test_a_block_that_fails_says_so() -> None:
    """By a second event with the same facts; the failure goes on."""
    kept = Kept()
    audit = Audit(kept)
    with pytest.raises(LookupError):
        async with strictly(audit, EventType.API_KEY_REVOKED, ANN, key_id="k"):
            raise LookupError
    await audit.commit()
    assert [event.outcome for event in kept.events] == ["success", "error"]
    assert [event.details["key_id"] for event in kept.events] == ["k", "k"]
