"""Signed tokens, good and bad, as an identity provider would issue them."""

import time
from typing import Any, Final

import jwt

__all__ = ["SECRET", "claims", "token"]

SECRET: Final = "a-signing-secret-for-tests-that-is-long-enough-for-every-HMAC-there-is"


def claims(**changes: Any) -> dict[str, Any]:
    """Claims of an analyst, valid for ten minutes; a change to None leaves that claim out."""
    now = int(time.time())
    made = {"user_id": "ada", "iat": now, "exp": now + 600, "roles": ["analyst"], **changes}
    return {name: value for name, value in made.items() if value is not None}


def token(*, secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    """A token over `claims(**changes)`."""
    return jwt.encode(claims(**changes), "" if algorithm == "none" else secret, algorithm=algorithm)
