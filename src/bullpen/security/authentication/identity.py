"""Which strings may name a user and a tenant.

Ids elsewhere are `tenant:user:uuid`. A tenant therefore has no colon; a user id may, for identity providers hand out
`urn:…`, so whoever joins the two must escape it.
"""

import re
from typing import Final, TypeGuard

__all__ = ["ADMIN", "DEFAULT_TENANT", "FIRST_USER", "is_tenant", "is_user_id"]

ADMIN: Final = "admin"
"""The role of administrators, whatever the policy file says it permits."""
DEFAULT_TENANT: Final = "default"
"""The operator's: its administrators run this service."""
FIRST_USER: Final = "admin"
"""Whom the first key belongs to, in the operator's tenant."""

_TENANT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LONGEST_USER_ID: Final = 128


def is_user_id(value: object) -> TypeGuard[str]:
    """1 to 128 printable characters; no control characters, no lone surrogates, no space at either end."""
    if not isinstance(value, str) or not 1 <= len(value) <= _LONGEST_USER_ID:
        return False
    return value.isprintable() and value.strip() == value


def is_tenant(value: object) -> TypeGuard[str]:
    """1 to 64 letters, digits, dots, dashes and underscores, a letter or digit first."""
    return isinstance(value, str) and _TENANT.fullmatch(value) is not None
