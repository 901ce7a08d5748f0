"""API keys and what is kept of them."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.errors import InvalidRequest
from bullpen.security.authentication.keys import ApiKey, digest, generate, issue, parse, pepper_from

PEPPER = pepper_from("s" * 32)


def test_a_generated_key_is_read_back() -> None:
    """`parse` undoes `text`."""
    key = generate()
    assert parse(key.text) == key
    assert len(key.id) == 12
    assert len(bytes.fromhex(key.secret)) == 32


def test_no_two_generated_keys_are_alike() -> None:
    """Ids and secrets are random."""
    made = [generate() for _ in range(200)]
    assert len({key.id for key in made}) == len({key.secret for key in made}) == 200


@pytest.mark.parametrize(
    "text",
    ["", "bp_", "bp__", "sk-1", f"bp_{'a' * 12}_{'0' * 63}", f"bp_{'a' * 12}_{'G' * 64}", f"bp_{'a' * 11}__{'0' * 64}"],
)
def test_anything_else_is_not_a_key(text: str) -> None:
    """Only the exact shape is one."""
    assert parse(text) is None


def test_a_key_with_anything_around_it_is_not_a_key() -> None:
    """Not even a line's end is ignored."""
    text = generate().text
    assert [parse(f"{text}\n"), parse(f" {text}"), parse(text.upper())] == [None, None, None]


@given(st.text())
def test_reading_never_fails(text: str) -> None:
    """Whatever is sent, it is a key or None."""
    key = parse(text)
    assert key is None or key.text == text


def test_a_secret_is_not_shown_by_accident() -> None:
    """A key in a log line or a traceback shows its id only."""
    key = generate()
    assert key.secret not in repr(key)


def test_the_digest_is_hmac_sha256_of_the_whole_key() -> None:
    """Anybody with the pepper can compute it again."""
    key = ApiKey("a" * 12, "0" * 64)
    assert digest(key, pepper=b"p") == hmac.new(b"p", key.text.encode(), hashlib.sha256).digest()


def test_the_digest_depends_on_id_secret_and_pepper() -> None:
    """A row's digest is of no use under another id, nor with another pepper."""
    key = generate()
    digests = {
        digest(key, pepper=PEPPER),
        digest(ApiKey(generate().id, key.secret), pepper=PEPPER),
        digest(ApiKey(key.id, generate().secret), pepper=PEPPER),
        digest(key, pepper=pepper_from("t" * 32)),
    }
    assert len(digests) == 4


def test_the_pepper_does_not_give_away_the_secret() -> None:
    """It is derived one way, and always the same."""
    assert pepper_from("s" * 32) == PEPPER
    assert PEPPER != b"s" * 32


def test_an_issued_record_has_everything_but_the_key() -> None:
    """The record fits the key and expires when it was told to."""
    key, record = issue(
        pepper=PEPPER, now=100.0, name="ci", user_id="u:1", tenant="acme", roles=["user"], lifetime=50.0
    )
    assert record.id == key.id
    assert record.digest == digest(key, pepper=PEPPER)
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


@pytest.mark.parametrize("lifetime", [-1.0, float("nan"), float("inf")])
def test_a_lifetime_is_a_number_of_seconds(lifetime: float) -> None:
    """A key that never expires is asked for by leaving it out."""
    with pytest.raises(InvalidRequest, match="lifetime"):
        issue(pepper=PEPPER, now=0.0, name="n", user_id="u", lifetime=lifetime)
