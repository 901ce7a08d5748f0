"""Cursors, records and verdicts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.errors import InvalidRequest
from bullpen.security.audit.chain import GENESIS
from bullpen.security.audit.drafts import drafted
from bullpen.security.audit.records import Record, Verification, cursor_at, number_at
from bullpen.security.audit.walk import Fault
from tests.stubs.trail import fact


@given(st.integers(1, 10**18 - 1))
def test_a_cursor_comes_back(number: int) -> None:
    """Every row's number survives the way to the caller and back."""
    assert number_at(cursor_at(number)) == number


@given(st.text(max_size=60).filter(lambda text: not text.startswith("MTo")))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    """Whatever is sent that does not begin like ours: a refusal that names the field."""
    with pytest.raises(InvalidRequest) as refused:
        number_at(text)
    assert [field.path for field in refused.value.fields] == ["cursor"]


@pytest.mark.parametrize("text", ["", "MTow", "MTotMQ", "MToxCg", "MTox=", "1 OR 1=1", "é", "MTo" + "5" * 400])
def test_forged_cursors_are_refused(text: str) -> None:
    """Zero, a sign, a line end, padding, SQL, letters that no cursor has, and a very long one."""
    with pytest.raises(InvalidRequest, match="cursor"):
        number_at(text)


def test_a_record_has_the_members_of_the_seeds_and_the_chains() -> None:
    """Personal values are told beside the row's own."""
    (draft,) = drafted([fact(1, details={"user_id": "bob", "rows": 2})])
    told = Record.of(draft.placed(1, GENESIS), list(draft.personal(1))).as_dict()
    assert told["timestamp"] == 1_700_000_001.0
    assert told["event_type"] == "agent_execution"
    assert told["details"] == {"user_id": "bob", "rows": 2}
    assert told["ip_address"] == "192.0.2.7"
    assert told["user_id"] == "ann"
    assert told["credential"] == "api_key:AAAAAAAAAAAA"
    assert told["erased"] is False
    assert told["previous"] == GENESIS


def test_what_was_erased_is_null() -> None:
    """And is told apart from what was never there, which is empty."""
    (draft,) = drafted([fact(1, details={"user_id": "bob"})])
    subject_left = [part for part in draft.personal(1) if part.role == "subject"]
    told = Record.of(draft.placed(1, GENESIS), subject_left).as_dict()
    assert (told["user_id"], told["ip_address"], told["user_agent"]) == (None, None, None)
    assert told["credential"] == "api_key"
    assert told["details"] == {"user_id": "bob"}
    assert told["erased"] is True


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(5, 5, "changed"), "row 5 is not as it was written."),
        (Fault(5, 7, "removed"), "each of rows 5 to 7 was removed."),
        (Fault(1, 9, "rewritten"), "one of rows 1 to 9 was rewritten"),
    ],
)
def test_a_fault_is_told_in_words(fault: Fault, said: str) -> None:
    """Which row, and what happened to it."""
    found = Verification(tenant="acme", pruned=0, through=9, signed=0, erased=0, fault=fault).as_dict()
    assert not found["intact"]
    assert found["fault"]["number"] == fault.number
    assert found["fault"]["detail"].startswith(said)


def test_a_whole_chain_has_no_fault() -> None:
    """Rows are counted from where the chain was pruned."""
    found = Verification(tenant="acme", pruned=4, through=9, signed=9, erased=0).as_dict()
    assert (found["intact"], found["rows"], found["fault"]) == (True, 5, None)
