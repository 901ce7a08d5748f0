"""A fresh API key and what is kept of it."""

import pytest

from bullpen.errors import InvalidRequest
from bullpen.security.authentication.bearer import Tokens
from bullpen.security.authentication.keys import issue
from bullpen.security.authentication.pepper import pepper_from

PEPPER = pepper_from("s" * 32)


def test_an_issued_record_has_everything_but_the_key() -> None:
    """The record fits the key and expires when it was told to."""
    key, record = issue(
        pepper=PEPPER, now=100.0, name="ci", user_id="u:1", tenant="acme", roles=["user"], lifetime=50.0
    )
    assert record.id == key.id
    assert (record.digest, record.pepper) == (PEPPER.digest(key), PEPPER.id)
    assert (record.user_id, record.tenant, record.roles) == ("u:1", "acme", frozenset({"user"}))
    assert (record.created_at, record.expires_at, record.revoked_at) == (100.0, 150.0, None)
    assert key.secret not in repr(record)


def test_every_wrong_field_is_named_at_once() -> None:
    """Nobody mends one mistake only to meet the next."""
    with pytest.raises(InvalidRequest) as caught:
        issue(pepper=PEPPER, now=0.0, name="", user_id="a\n", tenant="a:b", permissions=["a b"], lifetime=0)
    assert [error.path for error in caught.value.fields] == ["name", "user_id", "tenant", "permissions", "lifetime"]


@pytest.mark.parametrize("permission", ["", " ", "agent:", ":agent", "agent::read", "agent:*", "agent:read\n"])
def test_a_permission_that_grants_nothing_is_a_mistake(permission: str) -> None:
    """It would be kept, and never fit."""
    with pytest.raises(InvalidRequest, match="words joined by colons"):
        issue(pepper=PEPPER, now=0.0, name="n", user_id="u", permissions=["agent:read:own", "*", permission])


@pytest.mark.parametrize("value", ["", "a\nb", "\u202ea", "x" * 129, 2**53, -(2**53), 10**30])
def test_an_attribute_that_no_token_may_say_is_a_mistake(value: str | int) -> None:
    """The key would open, and every token it is exchanged for would be refused."""
    with pytest.raises(InvalidRequest, match="attributes"):
        issue(pepper=PEPPER, now=0.0, name="n", user_id="u", attributes={"department": value})


def test_a_key_grants_no_more_than_a_token_can_say() -> None:
    """A token larger than a header may be would be refused at the door."""
    many = [f"agent:execute:{number:050}" for number in range(100)]
    with pytest.raises(InvalidRequest, match="`rights` must be 4096 bytes at most"):
        issue(pepper=PEPPER, now=0.0, name="n", user_id="u", permissions=many)
    key, record = issue(pepper=PEPPER, now=0.0, name="n", user_id="ü" * 128, permissions=many[:55], roles=["r" * 128])
    signed = Tokens("s" * 32).sign(
        {"user_id": record.user_id, "permissions": sorted(record.permissions), "roles": ["r" * 128], "sid": "s" * 32}
    )
    assert len(signed) < 8192
    assert len(key.text) < 8192


@pytest.mark.parametrize("lifetime", [-1.0, float("nan"), float("inf"), 1e12])
def test_a_lifetime_is_a_number_of_seconds(lifetime: float) -> None:
    """A key that never expires is asked for by leaving it out."""
    with pytest.raises(InvalidRequest, match="lifetime"):
        issue(pepper=PEPPER, now=0.0, name="n", user_id="u", lifetime=lifetime)
