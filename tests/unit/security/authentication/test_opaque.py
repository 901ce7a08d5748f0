"""Credentials that say nothing, and are read exactly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.security.authentication.opaque import ApiKey, Opaque, RefreshToken

KINDS = (ApiKey, RefreshToken)


@pytest.mark.parametrize("kind", KINDS)
def test_a_generated_one_is_read_back(kind: type[Opaque]) -> None:
    """`parse` undoes `text`."""
    made = kind.generate()
    assert kind.parse(made.text) == made
    assert len(made.id) == 12
    assert len(bytes.fromhex(made.secret)) == 32


def test_no_two_are_alike() -> None:
    """Ids and secrets are random."""
    made = [ApiKey.generate() for _ in range(200)]
    assert len({key.id for key in made}) == len({key.secret for key in made}) == 200


def test_one_kind_is_not_another() -> None:
    """A refresh token opens no door that an API key does, and the other way round."""
    assert ApiKey.parse(RefreshToken.generate().text) is None
    assert RefreshToken.parse(ApiKey.generate().text) is None


@pytest.mark.parametrize(
    "text",
    ["", "bp_", "bp__", "sk-1", f"bp_{'a' * 12}_{'0' * 63}", f"bp_{'a' * 12}_{'G' * 64}", f"bp_{'a' * 11}__{'0' * 64}"],
)
def test_anything_else_is_not_a_key(text: str) -> None:
    """Only the exact shape is one."""
    assert ApiKey.parse(text) is None


def test_a_key_with_anything_around_it_is_not_a_key() -> None:
    """Not even a line's end is ignored."""
    text = ApiKey.generate().text
    assert [ApiKey.parse(f"{text}\n"), ApiKey.parse(f" {text}"), ApiKey.parse(text.upper())] == [None, None, None]


@given(st.text())
def test_reading_never_fails(text: str) -> None:
    """Whatever is sent, it is a key or None."""
    key = ApiKey.parse(text)
    assert key is None or key.text == text


@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_is_not_shown_by_accident(kind: type[Opaque]) -> None:
    """In a log line or a traceback only the id shows."""
    made = kind.generate()
    assert made.secret not in repr(made)
    assert made.id in repr(made)
