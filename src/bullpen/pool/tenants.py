"""Whom lanes are for: what each tenant holds, how much it weighs, and whose turn it was."""

import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from bullpen.pool.odds import Odds

__all__ = ["LEVELS", "Tenant", "Tenants"]

LEVELS: Final = 5
"""Priorities, 1 (first) to 5."""

_REMEMBERED: Final = 1000  # tenants that neither wait nor hold a lane, whose last turns are still known


class Tenant:
    """One tenant.

    Attributes:
        weight: Its part of the lanes beside the others' weights.
        held: Lanes it has now.
        waiting: Tickets it has now.
        starts: For each level the virtual time at which its next turn is due.
        is_over: It holds its share of the lanes, or more, and stands behind those who do not.
    """

    __slots__ = ("_odds", "held", "is_over", "name", "starts", "waiting", "weight")

    def __init__(self, name: str, *, weight: float) -> None:
        self.name = name
        self.weight = weight
        self.held = 0
        self.waiting = 0
        self.starts = [0.0] * LEVELS
        self.is_over = False
        self._odds: dict[str, Odds] = {}

    def odds(self, agent_type: str) -> Odds:
        """What became of its runs of that type."""
        odds = self._odds.get(agent_type)
        if odds is None:
            odds = self._odds[agent_type] = Odds()
        return odds


class Tenants:
    """Those who wait or hold a lane, and at most a thousand who did.

    A tenant is remembered for a while because whoever comes back at once would otherwise have its turn anew.
    """

    def __init__(self, *, weights: Mapping[str, float], share: float, lanes: int) -> None:
        """`weights` are 1 where nothing is said; `share` is a part of the lanes in (0, 1]."""
        self.waiting = 0
        self._weights = weights
        self._share = share
        self._known: dict[str, Tenant] = {}
        self._idle: OrderedDict[str, Tenant] = OrderedDict()
        self._quota = math.inf
        self.resize(lanes)

    def __len__(self) -> int:
        """How many wait or hold a lane."""
        return len(self._known)

    def find(self, name: str) -> Tenant:
        """The tenant of that name; one that is new is not kept before it waits or holds a lane."""
        known = self._known.get(name) or self._idle.get(name)
        return known or Tenant(name, weight=self._weights.get(name, 1.0))

    def resize(self, lanes: int) -> list[Tenant]:
        """Counts shares of so many lanes; gives those who have come under theirs."""
        self._quota = math.inf if self._share >= 1 else max(1, math.floor(self._share * lanes))
        return [tenant for tenant in self._known.values() if self._weigh(tenant)]

    def hold(self, tenant: Tenant, change: int) -> bool:
        """One lane more, or less; says whether the tenant has come under its share by that."""
        tenant.held += change
        self._keep(tenant)
        return self._weigh(tenant)

    def wait(self, tenant: Tenant, change: int) -> None:
        """One ticket more, or less."""
        before, tenant.waiting = tenant.waiting, tenant.waiting + change
        self.waiting += bool(tenant.waiting) - bool(before)
        self._keep(tenant)

    def _weigh(self, tenant: Tenant) -> bool:
        was_over, tenant.is_over = tenant.is_over, tenant.held >= self._quota
        return was_over and not tenant.is_over

    def _keep(self, tenant: Tenant) -> None:
        if tenant.held or tenant.waiting:
            self._known[tenant.name] = tenant
            self._idle.pop(tenant.name, None)
            return
        self._known.pop(tenant.name, None)
        self._idle[tenant.name] = tenant
        if len(self._idle) > _REMEMBERED:
            self._idle.popitem(last=False)
