"""Which limits apply to a request."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from bullpen.limits.gcra import MICROSECONDS, Limit
from bullpen.limits.ports import Bucket, Cap
from bullpen.limits.rules import LEVELS, UNLIMITED, Level, Penalty, Rule, Rules, merged, most_generous

__all__ = ["Applying", "Policy", "Subject"]

_REMEMBERED: Final = 8192


class Subject(NamedTuple):
    """Who asks for what. A part that is not known has no limit.

    Attributes:
        user_id: None for a stranger, who is limited by address alone, and apart from those who are known there: what is
            shared must not be a stranger's to spend.
        tenant: Users, keys and departments of two tenants are different ones.
        api_key: The key's id, if a key was shown.
        department: An attribute of the caller.
        address: Of the client, as far as it can be trusted, or the network that stands for it.
        route: As in the route table, such as `/agent/execute`.
        roles: Names in the role table.
    """

    user_id: str | None = None
    tenant: str = ""
    api_key: str | None = None
    department: str | None = None
    address: str | None = None
    route: str | None = None
    roles: frozenset[str] = frozenset()


class Applying(NamedTuple):
    """The limits of one subject."""

    requests: tuple[Bucket, ...]
    tokens: tuple[Bucket, ...]
    caps: tuple[Cap, ...]


class Policy:
    """Finds the limits of a subject: each level's rule, then its tenant's exceptions, its roles', its route's."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.applying = lru_cache(maxsize=_REMEMBERED)(self._applying)

    def _applying(self, subject: Subject) -> Applying:
        requests, tokens, caps = [], [], []
        for level, owner in _owners(subject):
            rule = self._rule(level, subject)
            # No owner begins with the sign, so nobody can be called what another one is on such a route.
            key = f"@{subject.route}|{owner}" if self._is_apart(level, subject) else owner
            if limit := rule.requests:
                requests.append(self._bucket(level, key, limit))
            if limit := rule.tokens:
                tokens.append(Bucket(f"{level}-tokens", key, limit, "tokens"))
            if rule.concurrent is not None:
                caps.append(Cap(f"{level}-concurrent", key, rule.concurrent))
        return Applying(tuple(requests), tuple(tokens), tuple(caps))

    def _rule(self, level: Level, subject: Subject) -> Rule:
        rules = self._rules
        rule = rules.levels.get(level, UNLIMITED)
        by_tenant = rules.tenants.get(subject.tenant, {})
        if level in by_tenant:
            rule = merged(rule, by_tenant[level])
        if by_role := [rules.roles[role][level] for role in subject.roles if level in rules.roles.get(role, {})]:
            rule = most_generous(merged(rule, exception) for exception in by_role)
        by_route = rules.routes.get(subject.route or "", {})
        if level in by_route:
            rule = merged(rule, by_route[level])
        return rule

    def _is_apart(self, level: Level, subject: Subject) -> bool:
        return level != "route" and level in self._rules.routes.get(subject.route or "", {})

    def _bucket(self, level: Level, key: str, limit: Limit) -> Bucket:
        burst, excess = _blocks(self._rules.penalty, limit)
        return Bucket(level, key, limit, burst_block=burst, excess_block=excess)


def _blocks(penalty: Penalty | None, limit: Limit) -> tuple[int, int]:
    if penalty is None:
        return 0, 0
    excess = limit.per if penalty.excess is None else penalty.excess * MICROSECONDS
    return penalty.burst * MICROSECONDS, excess


def _owners(subject: Subject) -> Iterator[tuple[Level, str]]:
    """Every level that has an owner here, and a key no other owner has: lengths keep what callers chose apart."""
    within = f"{len(subject.tenant)}:{subject.tenant}:"
    owners: dict[Level, str | None]
    if subject.user_id is None:
        owners = {"address": None if subject.address is None else f"?{subject.address}"}
    else:
        owners = {
            "address": subject.address,
            "user": within + subject.user_id,
            "api_key": None if subject.api_key is None else within + subject.api_key,
            "department": None if subject.department is None else within + subject.department,
            "tenant": within,
            "route": subject.route,
            "global": "",
        }
    for level in LEVELS:
        owner = owners.get(level)
        if owner is not None:
            yield level, owner
