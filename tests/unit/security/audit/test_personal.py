"""What a row says of people."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.security.audit.chain import GENESIS, Entry, entry
from bullpen.security.audit.personal import Part, agrees, committed, indexed, split, values

SALT = "0f" * 16


def told(**changed: Any) -> dict[str, Any]:
    event = {"actor": "", "credential": "", "address": "", "user_agent": "", "details": {}}
    return event | changed


def bound(part: Part) -> Entry:
    """A row that is bound to the part."""
    commitments = {"actor": "", "subject": "", part.role: committed(part.salt, part.body)}
    content = ("acme", 1, GENESIS, "e", 1.0, "t", "success", "", "", "", "{}")
    return entry(*content, commitments["actor"], commitments["subject"])


def test_what_is_personal_is_set_apart() -> None:
    """Nothing about the actor, and no detail about a person, stays in what is hashed."""
    details, parts = split(
        told(actor="ann", address="192.0.2.7", credential="jwt", user_agent="x", details={"user_id": "ann", "rows": 1})
    )
    assert orjson.loads(details) == {"rows": 1}
    person, body = parts["actor"]
    assert person == "ann"
    assert orjson.loads(body) == {
        "actor": "ann",
        "credential": "jwt",
        "address": "192.0.2.7",
        "user_agent": "x",
        "details": {"user_id": "ann"},
    }


def test_whom_it_was_done_to_is_apart_from_who_did_it() -> None:
    """Each can be erased without the other."""
    _, parts = split(told(actor="ann", details={"user_id": "bob", "name": "Bob's key"}))
    assert {role: person for role, (person, _) in parts.items()} == {"actor": "ann", "subject": "bob"}
    assert "bob" not in parts["actor"][1].lower()


def test_a_stranger_is_filed_under_the_name_they_gave() -> None:
    """An attempt with somebody's id and no actor is about that person; without any id it is about nobody."""
    assert split(told(details={"user_id": "ann"}))[1]["subject"][0] == "ann"
    assert split(told(address="192.0.2.7"))[1]["actor"][0] == ""
    assert split(told())[1] == {}


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_commitment_binds_the_values(one: str, other: str) -> None:
    """Other values have another commitment."""
    assert (committed(SALT, one) == committed(SALT, other)) == (one == other)


def test_the_same_values_look_different_under_another_salt() -> None:
    """Two rows about one person cannot be told to be so once salts are gone."""
    assert committed(SALT, "ann") != committed("00" * 16, "ann")


def test_the_values_a_row_was_written_with_agree() -> None:
    """And they come back as they were."""
    part = Part("acme", 1, "actor", "ann", SALT, '{"actor":"ann","details":{"user_id":"ann"}}')
    assert agrees(bound(part), part)
    assert values(part) == {"actor": "ann", "details": {"user_id": "ann"}}
    subject = Part("acme", 1, "subject", "bob", SALT, '{"user_id":"bob"}')
    assert agrees(bound(subject), subject)
    assert values(subject) == {"details": {"user_id": "bob"}}


@given(
    actor=st.sampled_from(["", "ann"]),
    address=st.sampled_from(["", "192.0.2.7"]),
    details=st.dictionaries(
        st.sampled_from(["user_id", "key_owner", "name", "rows"]), st.sampled_from(["", "ann", "bob"])
    ),
)
def test_whatever_is_set_apart_agrees_with_its_row(actor: str, address: str, details: dict[str, Any]) -> None:
    """A stranger's expired token names a user, too: no event that is written looks like one that was edited."""
    _, parts = split(told(actor=actor, address=address, details=details))
    for role, (person, body) in parts.items():
        part = Part("acme", 1, role, person, SALT, body)
        assert agrees(bound(part), part), part


@pytest.mark.parametrize(
    "changed",
    [
        {"person": "eve"},
        {"salt": "00" * 16},
        {"salt": "none"},
        {"salt": None},
        {"body": '{"actor":"eve"}'},
        {"body": "{}"},
        {"role": "subject"},
        {"role": "witness"},
    ],
)
def test_other_values_do_not_agree(changed: dict[str, Any]) -> None:
    """Neither do the right ones filed under somebody else, or in another role."""
    part = Part("acme", 1, "actor", "ann", SALT, '{"actor":"ann"}')
    assert not agrees(bound(part), part._replace(**changed))


@pytest.mark.parametrize("user_id", ["a\x00b", "x" * 500, "\udcff", "ann"])
def test_any_id_can_be_searched_for(user_id: str) -> None:
    """What is filed fits every database, and filing twice changes nothing."""
    filed = indexed(user_id)
    assert len(filed) <= 128
    assert "\x00" not in filed
    assert filed.encode()
    assert indexed(filed) == filed
