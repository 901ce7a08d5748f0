"""The shipped policy, and callers to ask it about."""

from functools import cache
from typing import Any, Final

from bullpen.caller import Caller
from bullpen.security.authorization.cedar import CedarPolicy
from bullpen.security.authorization.document import built_in, policies_of
from bullpen.security.authorization.ports import HOUSE, Policy, Resource

__all__ = ["allows", "asking", "policy_of", "shipped"]

_SHIPPED: Final = cache(built_in)  # read once: it takes longer than most tests


def shipped() -> CedarPolicy:
    """A new one that decides by `config/policies.cedar`."""
    return CedarPolicy(_SHIPPED())


def policy_of(text: str) -> CedarPolicy:
    """One that decides by a text."""
    return CedarPolicy(policies_of(text))


def asking(*roles: str, permissions: tuple[str, ...] = (), **others: Any) -> Caller:
    """Ann of acme, with what a case is about."""
    known: dict[str, Any] = {"user_id": "ann", "tenant": "acme", "credential": "jwt"}
    return Caller(**{**known, **others}, roles=frozenset(roles), permissions=frozenset(permissions))


def allows(policy: Policy, caller: Caller, permission: str, resource: Resource = HOUSE) -> bool:
    """Whether it does."""
    return policy.decide(caller, permission, resource).allowed
