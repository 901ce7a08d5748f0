"""What counts as a secret."""

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.operations.strength import weakness

WEAK = [
    "your-super-secure-jwt-secret-change-in-production",
    "your-api-secret-your-api-secret-yours",
    "changeme-4d1f0a1c7be94d0fa90c9f6c1a2b3c4d",
    "CHANGE_ME_4d1f0a1c7be94d0fa90c9f6c1a2b3c4d",
    "my-example-key-4d1f0a1c7be94d0fa90c9f6c1a",
    "a" * 40,
    "ab" * 20,
    "12345678901234567890123456789012",
    "0123456789abcdef" * 2,
    "abcdefghijklmnopqrstuvwxyz012345",
    "correcthorse" * 4,
    "correcthorse" * 3 + "corr",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
]


@pytest.mark.parametrize("secret", WEAK)
def test_what_was_only_typed_to_fill_the_line_is_weak(secret: str) -> None:
    """Examples of manuals, also with something random behind them, repetitions and runs."""
    assert weakness(secret)


@pytest.mark.parametrize(("secret", "short"), [("ä" * 15 + "x", True), ("äöüßéèêëàâîïôûç-1", False)])
def test_length_is_counted_in_bytes(secret: str, short: bool) -> None:
    """As the digest counts it: a letter with an accent is two."""
    assert (weakness(secret) == "has fewer than 32 bytes") is short


@given(st.binary(min_size=16, max_size=64).filter(lambda value: len(set(value)) > 14), st.sampled_from(["hex", "url"]))
def test_the_reason_never_repeats_the_secret(value: bytes, kind: str) -> None:
    """It goes into a message."""
    text = value.hex() if kind == "hex" else value.decode("latin-1")
    assert text not in (weakness(text) or "")


def test_random_secrets_are_strong() -> None:
    """Whatever the common tools make, of 128 bits and more: none of thousands is refused."""
    made = [
        make(size) for make in (secrets.token_hex, secrets.token_urlsafe) for size in (24, 32, 48) for _ in range(500)
    ]
    made += [secrets.token_hex(16) for _ in range(2000)]
    assert [secret for secret in made if weakness(secret)] == []
