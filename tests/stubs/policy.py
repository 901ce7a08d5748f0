"""The shipped policy, and callers to ask it about."""

from typing import Any

from bullpen.caller import Caller
from bullpen.security.authorization.cedar import CedarPolicy
from bullpen.security.authorization.document import built_in, policies_of

__all__ = ["asking", "policy_of", "shipped"]


def shipped() -> CedarPolicy:
    """A new one that decides by `config/policies.cedar`."""
    return CedarPolicy(built_in())


def policy_of(text: str) -> CedarPolicy:
    """One that decides by a text."""
    return CedarPolicy(policies_of(text))


def asking(*roles: str, permissions: tuple[str, ...] = (), **others: Any) -> Caller:
    """Ann of acme, with what a case is about."""
    known: dict[str, Any] = {"user_id": "ann", "tenant": "acme", "credential": "jwt"}
    return Caller(**{**known, **others}, roles=frozenset(roles), permissions=frozenset(permissions))
