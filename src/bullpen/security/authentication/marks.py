"""What an access token of ours is known by, in its claims `sid` and `jti`.

A session's id is `bs_<key id>_<time><random>`, and a token's own ends in a digest of the rights it was given. So a
token says by itself which key it hangs on and what that key granted, and both can be compared without asking a store.
"""

import hashlib
import re
import secrets
from typing import Final, NamedTuple

import orjson

from bullpen.security.authentication.ports import KeyRecord

__all__ = ["Session", "rights_of", "token_id"]

_SHAPE: Final = re.compile(r"bs_([A-Za-z0-9]{12})_([0-9a-f]{8})[0-9a-f]{8}")


class Session(NamedTuple):
    """What one `POST /auth/token` began: the API key it hangs on, and when, in whole seconds since 1970."""

    id: str
    key_id: str
    began: int

    @classmethod
    def begin(cls, key_id: str, *, now: float) -> "Session":
        """A new one."""
        return cls(f"bs_{key_id}_{int(now):08x}{secrets.token_hex(4)}", key_id, int(now))

    @classmethod
    def parse(cls, text: str) -> "Session | None":
        """The session of that id; None when it is not one of ours."""
        match = _SHAPE.fullmatch(text)
        return cls(text, match[1], int(match[2], 16)) if match else None


def rights_of(record: KeyRecord) -> str:
    """A digest of whose a key is and what it grants, 16 hex digits."""
    rights = [
        record.tenant,
        record.user_id,
        sorted(record.roles),
        sorted(record.permissions),
        sorted(record.attributes.items()),
    ]
    return hashlib.sha256(orjson.dumps(rights)).hexdigest()[:16]


def token_id(rights: str) -> str:
    """A new token's own id."""
    return f"{secrets.token_hex(8)}.{rights}"
