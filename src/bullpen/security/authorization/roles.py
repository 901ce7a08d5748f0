"""Roles in a table: each role grants permissions, and that is all."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from bullpen.caller import Caller
from bullpen.security.authorization.ports import HOUSE, Decision, Policy, Resource

__all__ = ["EVERYBODY", "ROLES", "RoleTable", "covers"]

ROLES: Final[Mapping[str, frozenset[str]]] = {
    "admin": frozenset({"*"}),
    "developer": frozenset({"agent:create", "agent:execute", "agent:read"}),
    "analyst": frozenset({"agent:execute", "agent:read", "data:read"}),
    "user": frozenset({"agent:execute:basic", "agent:read:own"}),
}
EVERYBODY: Final = frozenset({"audit:read:own"})
"""Granted to every caller, whatever their roles."""

_DECISIONS_KEPT: Final = 4096


def covers(granted: str, wanted: str) -> bool:
    """Whether one permission includes another: itself, all below it, or, for `*`, all there are.

    `agent:execute` includes `agent:execute:basic`, not `agent:executes`, and nothing includes what is above it.
    """
    return granted in {"*", wanted} or (granted != "" and wanted.startswith(f"{granted}:"))


class RoleTable(Policy):
    """Grants what the caller's roles grant, what the caller was granted beside them, and what everybody has.

    An unknown role grants nothing. Attributes are not looked at.
    """

    def __init__(self, roles: Mapping[str, Iterable[str]] = ROLES, *, everybody: Iterable[str] = EVERYBODY) -> None:
        """Copies both; later changes to them do not count."""
        self._roles = {role: frozenset(permissions) for role, permissions in roles.items()}
        self._everybody = frozenset(everybody)
        # Kept by value, and bounded because tokens may name any roles.
        self._decide = lru_cache(maxsize=_DECISIONS_KEPT)(self._decided)

    def decide(self, caller: Caller, permission: str, resource: Resource = HOUSE) -> Decision:  # noqa: ARG002 -- the port's
        """See `Policy.decide`."""
        return Decision(self._decide(caller.roles, caller.permissions, permission))

    def _decided(self, roles: frozenset[str], permissions: frozenset[str], wanted: str) -> bool:
        granted = self._everybody.union(permissions, *(self._roles.get(role, frozenset()) for role in roles))
        return any(covers(permission, wanted) for permission in granted)
