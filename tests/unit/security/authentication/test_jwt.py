"""Keys and signatures: a key is used with its own algorithm, and a token never chooses."""

import json
from typing import Any

import jwt as library
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from bullpen.errors import Misconfigured, Unauthenticated
from bullpen.security.authentication.jwt import HS256, Key, claims_of, header_of, public_keys, secret_key, sign

SECRET = "s" * 32
PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
RSA: dict[str, Any] = RSAAlgorithm.to_jwk(PRIVATE.public_key(), as_dict=True) | {"kid": "r"}
EVERY = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "none"]


def named(jwk: object, algorithms: list[str] = EVERY) -> list[tuple[str | None, str]]:
    return [(key.id, key.algorithm) for key in public_keys(jwk, algorithms=algorithms)]


def test_what_is_signed_is_read_again() -> None:
    """The token names its algorithm and its key, and only that key reads it."""
    key = secret_key(SECRET)
    token = sign({"a": [1, "ü"]}, key=key)
    assert header_of(token).algorithm == HS256
    assert header_of(token).key_id == key.id
    assert claims_of(token, key) == {"a": [1, "ü"]}
    assert claims_of(token, secret_key("t" * 32)) is None


def test_a_secret_is_not_told() -> None:
    """Neither by the key's id, which is in every token, nor by its `repr`."""
    key = secret_key("canary-" * 5)
    assert "canary" not in repr(key)
    assert "canary" not in str(key.id)
    assert key.id != secret_key("canary-" * 6).id


def test_a_short_secret_is_a_mistake_of_the_operator() -> None:
    """Fewer than 32 bytes could be guessed from one token."""
    with pytest.raises(Misconfigured, match="32 bytes"):
        secret_key("x" * 31)


@pytest.mark.parametrize("payload", [b"[]", b"7", b"null", b"{", b"\xff", b'{"a": NaN}', b"[" * 2000])
def test_a_signed_text_that_is_no_object_is_refused(payload: bytes) -> None:
    """A signature does not make it a set of claims."""
    token = library.PyJWS().encode(payload, SECRET, "HS256")
    with pytest.raises(Unauthenticated):
        claims_of(token, secret_key(SECRET))


def test_a_public_key_is_used_with_algorithms_of_its_kind() -> None:
    """Those that are allowed, and only its own if it names one; never one with a shared secret."""
    assert {algorithm for _, algorithm in named(RSA)} == set(EVERY[:6])
    assert named(RSA, ["RS256", "ES256"]) == [("r", "RS256")]
    assert named(RSA | {"alg": "PS256"}) == [("r", "PS256")]
    assert named(RSA | {"alg": "HS256"}) == []
    curve = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True)
    assert named(curve) == [(None, "ES384")]


def test_a_token_is_held_against_the_keys_algorithm_not_its_own() -> None:
    """Signed by the right key in another way, it is not signed at all."""
    keys = {key.algorithm: key for key in public_keys(RSA, algorithms=["RS256", "PS256"])}
    token = library.encode({"a": 1}, PRIVATE, "RS256")
    assert claims_of(token, keys["RS256"]) == {"a": 1}
    assert claims_of(token, keys["PS256"]) is None


def test_a_private_key_that_was_published_is_not_taken_in() -> None:
    """Only its public part is kept."""
    jwk = json.loads(RSAAlgorithm.to_jwk(PRIVATE))
    [key] = public_keys(jwk | {"key_ops": ["verify"]}, algorithms=["RS256"])
    assert isinstance(key, Key)
    assert isinstance(key.material.key, rsa.RSAPublicKey)


@pytest.mark.parametrize(
    "jwk",
    [
        None,
        [],
        {},
        {"kty": "oct", "k": "c2VjcmV0"},
        RSA | {"kty": ["RSA"]},
        RSA | {"crv": {}},
        RSA | {"use": "enc"},
        RSA | {"use": ["sig"]},
        RSA | {"key_ops": "verify"},
        RSA | {"key_ops": ["encrypt"]},
        RSA | {"kid": 1},
        RSA | {"alg": ["RS256"]},
        RSA | {"n": "!"},
        RSA | {"n": "AQAB"},
        {"kty": "EC", "crv": "P-256", "x": "AQAB", "y": "AQAB"},
        {"kty": "EC", "crv": "secp256k1"},
    ],
)
def test_what_is_no_usable_key_is_left_out(jwk: object) -> None:
    """A provider's document may hold anything."""
    assert named(jwk) == []
