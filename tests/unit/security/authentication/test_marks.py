"""What an access token is known by."""

from dataclasses import replace
from typing import Any

import pytest

from bullpen.security.authentication.marks import Session, rights_of, token_id
from bullpen.security.authentication.ports import KeyRecord

RECORD = KeyRecord(
    id="a" * 12,
    digest=b"",
    name="n",
    user_id="u",
    tenant="t",
    created_at=0.0,
    roles=frozenset({"user", "analyst"}),
    attributes={"department": "sales", "clearance_level": 2},
)


def test_a_session_says_which_key_it_hangs_on_and_when_it_began() -> None:
    """Its id is read back, is unique, and fits the column it is kept in."""
    session = Session.begin("AbCdEfGhIjKl", now=1_700_000_000.9)
    assert Session.parse(session.id) == session
    assert (session.key_id, session.began) == ("AbCdEfGhIjKl", 1_700_000_000)
    assert session.id != Session.begin("AbCdEfGhIjKl", now=1_700_000_000.9).id
    assert len(session.id) == 32


@pytest.mark.parametrize("text", ["", "bs_", "bs_AbCdEfGhIjKl_", "s-1", "bs_AbCdEfGhIjKl_0123456789abcdeg"])
def test_anything_else_is_no_session(text: str) -> None:
    """Another program's `sid` may be any text."""
    assert Session.parse(text) is None


@pytest.mark.parametrize(
    "change",
    [
        {"user_id": "v"},
        {"tenant": "s"},
        {"roles": frozenset({"user"})},
        {"permissions": frozenset({"*"})},
        {"attributes": {"department": "sales", "clearance_level": 1}},
    ],
)
def test_the_rights_change_with_what_a_key_grants(change: dict[str, Any]) -> None:
    """And with whose it is."""
    assert rights_of(replace(RECORD, **change)) != rights_of(RECORD)


def test_the_rights_are_the_same_on_every_replica() -> None:
    """Neither order nor name, digest or last use are part of them."""
    same = replace(
        RECORD,
        name="another",
        digest=b"x",
        last_used_at=9.0,
        roles=frozenset({"analyst", "user"}),
        attributes={"clearance_level": 2, "department": "sales"},
    )
    assert rights_of(same) == rights_of(RECORD)
    assert token_id(rights_of(same)).endswith(f".{rights_of(RECORD)}")
    assert token_id("r") != token_id("r")
