"""Facts on their way into a chain."""

from structlog.testing import capture_logs

from bullpen.outbox import Fact
from bullpen.security.audit.chain import GENESIS, digest
from bullpen.security.audit.drafts import drafted
from bullpen.security.audit.personal import agrees
from tests.stubs.trail import fact, facts


def test_a_draft_becomes_a_row_and_its_personal_values() -> None:
    """The row is whole, its values agree with it, and nothing personal is in it."""
    (draft,) = drafted([fact(1, details={"user_id": "bob", "rows": 2})])
    row = draft.placed(7, GENESIS)
    parts = list(draft.personal(7))
    assert (row.number, row.previous, row.hash) == (7, GENESIS, digest(row))
    assert {part.role for part in parts} == {"actor", "subject"}
    assert all(agrees(row, part) for part in parts)
    for personal in ("ann", "bob", "192.0.2.7", "curl", "AAAA"):
        assert personal not in repr(row)
    assert row.credential == "api_key"


def test_every_row_and_role_has_a_salt_of_its_own() -> None:
    """One salt learnt tells nothing of another row."""
    drafts = drafted([fact(number, details={"user_id": "bob"}) for number in range(50)])
    salts = [part.salt for draft in drafts for part in draft.personal(1)]
    assert len(set(salts)) == len(salts) == 100
    assert all(len(salt) == 32 for salt in salts)


def test_what_cannot_be_read_is_told_and_left_out() -> None:
    """One damaged fact does not keep the others waiting, and its text is not in the log."""
    broken = [Fact("no-json", "audit", b"\xff secret"), Fact("no-event", "audit", b"[]"), Fact("empty", "audit", b"{}")]
    with capture_logs() as logged:
        drafts = drafted([*facts(range(1)), *broken, *facts(range(1, 2))])
    assert [draft.id for draft in drafts] == ["event-0", "event-1"]
    assert [(line["event"], line["fact"]) for line in logged] == [("audit_fact_unreadable", fact.id) for fact in broken]
    assert "secret" not in repr(logged)


def test_an_event_of_a_newer_version_is_kept() -> None:
    """While versions are mixed, a type that is not known here is written down all the same."""
    known = fact(1)
    newer = Fact(known.id, known.topic, known.body.replace(b"agent_execution", b"agent_teleported"))
    assert drafted([newer])[0].type == "agent_teleported"
