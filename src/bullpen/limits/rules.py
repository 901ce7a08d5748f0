"""What an operator allows: limits by level, and who has others."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Final, Literal, TypeAlias, get_args

from bullpen.limits.gcra import MICROSECONDS, Limit

__all__ = ["BUILT_IN", "LEVELS", "MOST", "UNLIMITED", "Level", "Penalty", "Rule", "Rules", "merged", "most_generous"]

Level: TypeAlias = Literal["user", "api_key", "department", "tenant", "address", "route", "global"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)

MOST: Final[Mapping[str, int]] = {
    "rate": 1_000_000_000,
    "per": 86_400,
    "burst": 50_000,
    "tokens_per_minute": 50_000_000,
    "tokens_burst": 50_000_000,
    "concurrent": 1_000_000,
}
"""The largest number of each field. Whatever a rule and its exceptions make together can be counted exactly."""

_MINUTE: Final = 60 * MICROSECONDS
_TENTH: Final = 10  # the burst, as a part of the rate, where none is said


# The same few for every caller who is new, and reducing their fractions is half of what a new caller costs here.
_limit: Final = lru_cache(maxsize=1024)(Limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one level allows. What is None is not limited, or, in an exception, left as it was.

    Attributes:
        rate: Requests in every `per`.
        per: Seconds.
        burst: Requests at once; a tenth of the rate when None.
        tokens_per_minute: Tokens a minute.
        tokens_burst: Tokens at once; a whole minute's when None.
        concurrent: Requests at the same time.
    """

    rate: int | None = None
    per: int | None = None
    burst: int | None = None
    tokens_per_minute: int | None = None
    tokens_burst: int | None = None
    concurrent: int | None = None

    @property
    def requests(self) -> Limit | None:
        """The limit on requests; None without one."""
        if self.rate is None:
            return None
        burst = self.burst or min(max(1, self.rate // _TENTH), MOST["burst"])
        return _limit(self.rate, (self.per or 60) * MICROSECONDS, burst)

    @property
    def tokens(self) -> Limit | None:
        """The limit on tokens; None without one."""
        if self.tokens_per_minute is None:
            return None
        return _limit(self.tokens_per_minute, _MINUTE, self.tokens_burst or self.tokens_per_minute)


UNLIMITED: Final = Rule()


@dataclass(frozen=True, slots=True, kw_only=True)
class Penalty:
    """Nothing is admitted for so many seconds after a burst was refused; after an excess, for `per` if it is None."""

    burst: int = 10
    excess: int | None = None


_Exceptions: TypeAlias = Mapping[str, Mapping[Level, Rule | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The whole file.

    Attributes:
        levels: What holds for everybody.
        tenants: _Exceptions by tenant; None lifts the level's limits.
        roles: _Exceptions by role, which win over a tenant's.
        routes: _Exceptions by route, which win over all, and are counted apart from other routes.
        penalty: None is off.
    """

    levels: Mapping[Level, Rule] = field(default_factory=dict)
    tenants: _Exceptions = field(default_factory=dict)
    roles: _Exceptions = field(default_factory=dict)
    routes: _Exceptions = field(default_factory=dict)
    penalty: Penalty | None = None


BUILT_IN: Final = Rules(
    levels={
        "user": Rule(rate=100, per=60, burst=10, concurrent=20),
        "address": Rule(rate=300, per=60, burst=60),
        "tenant": Rule(tokens_per_minute=500_000),
    }
)
"""What holds where nothing is said, as in the shipped `config/limits.yaml`: losing the file opens nothing."""


def merged(rule: Rule, exception: Rule | None) -> Rule:
    """The rule with what the exception says in the place of what it said."""
    if exception is None:
        return UNLIMITED
    said = {each.name: value for each in fields(Rule) if (value := getattr(exception, each.name)) is not None}
    return replace(rule, **said)


def most_generous(rules: Iterable[Rule]) -> Rule:
    """Of what several roles allow, the best of each kind; no limit is the best."""
    rules = list(rules)
    requests = max(rules, key=lambda rule: _speed(rule.requests))
    tokens = max(rules, key=lambda rule: _speed(rule.tokens))
    places = [rule.concurrent for rule in rules]
    return Rule(
        rate=requests.rate,
        per=requests.per,
        burst=requests.burst,
        tokens_per_minute=tokens.tokens_per_minute,
        tokens_burst=tokens.tokens_burst,
        concurrent=None if None in places else max(place for place in places if place is not None),
    )


def _speed(limit: Limit | None) -> tuple[float, int]:
    return (float("inf"), 0) if limit is None else (limit.rate / limit.per, limit.burst)
