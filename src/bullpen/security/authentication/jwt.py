"""JSON Web Tokens (RFC 7519) in compact form: their keys, their signatures, and nothing of what they claim.

A key is bound to its algorithms when it is made. A token is held against one key under one of that key's algorithms,
so that the token never chooses how it is checked (RFC 8725 §2.1).
"""

import base64
import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
import orjson

from bullpen.errors import Misconfigured, Unauthenticated

__all__ = ["HS256", "REFUSED", "Header", "Key", "claims_of", "header_of", "public_keys", "secret_key", "sign"]

HS256: Final = "HS256"
REFUSED: Final = "The token is not valid."

_SHORTEST_SECRET: Final = 32
# RFC 7515 §2: no padding, no other alphabet. Of the rest the library makes sure.
_SHAPE: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
# What other kinds of token of the same issuer are called (RFC 8725 §3.11), such as a logout token, is not here.
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt", "application/okta-internal-at+jwt"})
_JWS: Final = jwt.PyJWS()

_FITTING: Final[Mapping[tuple[str, str | None], frozenset[str]]] = {
    ("RSA", None): frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA"}),
}
"""Public keys only, by kind and curve: a shared secret (`oct`) in a public document is no key."""
_NONE: Final[frozenset[str]] = frozenset()
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


@dataclass(frozen=True, slots=True)
class Header:
    """What a token says about itself. Nothing of it is to be believed yet."""

    algorithm: str
    key_id: str | None


@dataclass(frozen=True, slots=True)
class Key:
    """What signatures are held against, and the one algorithm it is used with. Its `repr` shows no secret."""

    id: str | None
    algorithm: str
    material: jwt.PyJWK


def header_of(token: str) -> Header:
    """The token's header.

    Raises:
        Unauthenticated: It is not a token, or has a header that must not be ignored (`crit`, RFC 7515 §4.1.11).
    """
    told = _told(token)
    algorithm, key_id, kind = told.get("alg"), told.get("kid"), told.get("typ", "JWT")
    if not isinstance(algorithm, str) or not isinstance(key_id, str | None):
        raise _malformed()
    if "crit" in told or not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise _malformed()
    return Header(algorithm, key_id)


def _told(token: str) -> dict[str, Any]:
    """The header as it was written; nothing of what is not an object."""
    if not _SHAPE.fullmatch(token):
        return {}
    text = token[: token.index(".")]
    try:
        told = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def claims_of(token: str, key: Key) -> Mapping[str, Any] | None:
    """What the token claims, if this key has signed it; else None.

    Raises:
        Unauthenticated: It is signed, and not an object.
    """
    try:
        payload = _JWS.decode(token, key.material, algorithms=[key.algorithm])
    except Exception:  # noqa: BLE001 -- whatever a token does to the library, it is no valid token
        return None
    try:
        claims = orjson.loads(payload)
    except ValueError:
        claims = None
    if not isinstance(claims, dict):
        raise _malformed()
    return claims


def secret_key(secret: str) -> Key:
    """The key for HS256. Its id is a digest of the secret, which tells two secrets apart and nothing of either.

    Raises:
        Misconfigured: It is shorter than 32 bytes, which RFC 7518 §3.2 asks for.
    """
    raw = secret.encode()
    if len(raw) < _SHORTEST_SECRET:
        raise Misconfigured(
            f"The secret that signs tokens is shorter than {_SHORTEST_SECRET} bytes. Try `openssl rand -hex 32`."
        )
    encoded = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    key_id = hashlib.sha256(b"bullpen token key\0" + raw).hexdigest()[:16]
    return Key(key_id, HS256, jwt.PyJWK({"kty": "oct", "k": encoded}, HS256))


def sign(claims: Mapping[str, Any], *, key: Key) -> str:
    """A token that says so, signed with one of our own keys, and naming it."""
    return _JWS.encode(orjson.dumps(dict(claims)), key.material, key.algorithm, headers={"kid": key.id})


def public_keys(jwk: object, *, algorithms: Collection[str]) -> Iterator[Key]:
    """The keys in an entry of a JWK set (RFC 7517), one an algorithm it may be used with.

    None for what is not for signatures, not of an allowed algorithm, too short, or no key.

    Args:
        jwk: The entry.
        algorithms: Those that are allowed.
    """
    if not isinstance(jwk, dict) or not _for_signatures(jwk):
        return
    key_id, bound = jwk.get("kid"), jwk.get("alg")
    fitting = next((names for (kind, curve), names in _FITTING.items() if (kind, curve) == _kind(jwk)), _NONE)
    for algorithm in sorted(fitting & frozenset(algorithms)):
        if bound in (None, algorithm) and (material := _material(jwk, algorithm)):
            yield Key(key_id, algorithm, material)


def _for_signatures(jwk: Mapping[str, Any]) -> bool:
    operations = jwk.get("key_ops", ["verify"])
    named = isinstance(jwk.get("kid"), str | None)
    return named and jwk.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations


def _kind(jwk: Mapping[str, Any]) -> tuple[object, object]:
    return jwk.get("kty"), jwk.get("crv")


def _material(jwk: Mapping[str, Any], algorithm: str) -> jwt.PyJWK | None:
    try:
        # Whatever else a provider publishes by mistake is not taken in.
        material = jwt.PyJWK({name: value for name, value in jwk.items() if name not in _PRIVATE}, algorithm)
        too_short = material.Algorithm.check_key_length(material.key)
    except Exception:  # noqa: BLE001 -- whatever a foreign document does to the library, it is no key
        return None
    return None if too_short else material


def _malformed() -> Unauthenticated:
    return Unauthenticated(REFUSED, facts={"reason": "form"})
