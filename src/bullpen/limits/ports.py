"""What a request is charged, and the answer: the words of this room, and its port."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

from bullpen.limits import gcra
from bullpen.limits.gcra import MICROSECONDS, Limit

__all__ = ["EVENTS", "Bucket", "Cap", "Charge", "Lease", "Limiter", "Occupancy", "Reason", "Standing", "Verdict"]

Reason: TypeAlias = Literal["burst", "excess", "blocked", "concurrent"]
"""Why a level said no: the burst was spent within one `per`; the bucket was never empty for a whole `per`; a penalty
is being served; too many at once."""

EVENTS: Final[dict[Reason, str]] = {
    "burst": "burst_limit_triggered",
    "excess": "rate_limit_exceeded",
    "blocked": "rate_limit_blocked",
    "concurrent": "concurrency_limit_reached",
}
"""What each is called in the log and in the audit trail."""

_CAP_RETRY: Final = 1.0  # seconds; nobody knows when a request that runs now will end


@dataclass(frozen=True, slots=True)
class Bucket:
    """One limit of one subject.

    Attributes:
        name: The level, such as `user`, or `user-tokens` for tokens; a metric label, so never a caller's word.
        key: Whose bucket it is. Two subjects never have the same.
        limit: How fast it drains and what it holds.
        unit: What is counted.
        burst_block: Microseconds nothing is admitted after a burst was refused; 0 for no penalty.
        excess_block: The same after an excess.
        slot: The bucket's name among all buckets. A changed limit is another bucket, and starts empty.
    """

    name: str
    key: str
    limit: Limit
    unit: Literal["requests", "tokens"] = "requests"
    burst_block: int = 0
    excess_block: int = 0
    slot: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        limit = self.limit
        object.__setattr__(self, "slot", f"{self.name}:{limit.rate}/{limit.per}/{limit.burst}:{self.key}")


class Charge(NamedTuple):
    """So many units from one bucket.

    Attributes:
        bucket: Which one.
        cost: How many; 0 only asks whether the bucket is overfull.
        held: How many the same request was charged before. It is judged as if it had asked for all of them at once: a
            batch is charged as one request until its items are counted.
    """

    bucket: Bucket
    cost: int = 1
    held: int = 0


@dataclass(frozen=True, slots=True)
class Cap:
    """At most so many requests of one subject at a time.

    Attributes:
        name: The level, such as `user-concurrent`; a metric label.
        key: As in `Bucket`.
        most: How many, 1 or more.
        slot: The cap's name among all caps. A changed `most` counts the same requests.
    """

    name: str
    key: str
    most: int
    slot: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "slot", f"{self.name}:{self.key}")

    def shared_by(self, replicas: int) -> "Cap":
        """This cap as one of so many replicas keeps it."""
        return replace(self, most=max(1, self.most // max(1, replicas)))


class Lease(NamedTuple):
    """The places one admitted request holds under its caps, until it is released or expires."""

    id: str
    slots: tuple[str, ...]
    degraded: bool = False


class Standing(NamedTuple):
    """How one bucket stands after the verdict.

    Attributes:
        charge: What was asked of it.
        limit: By which it was decided: the bucket's, or one replica's share of it.
        backlog: Ticks in it, this charge included if it was admitted.
        reason: Why it said no; None when it did not.
        blocked: Microseconds of penalty left.
    """

    charge: Charge
    limit: Limit
    backlog: int
    reason: Reason | None
    blocked: int

    @property
    def name(self) -> str:
        """The bucket's name."""
        return self.charge.bucket.name

    @property
    def remaining(self) -> int:
        """Units to be had now."""
        return 0 if self.blocked else gcra.remaining(self.limit, backlog=self.backlog)

    @property
    def reset(self) -> float:
        """Seconds until the whole burst can be had."""
        return max(self.blocked, gcra.reset(self.limit, backlog=self.backlog)) / MICROSECONDS

    @property
    def retry_after(self) -> float:
        """Seconds until the same request is admitted, if nobody else comes; 0 unless it was refused here."""
        if self.reason is None:
            return 0.0
        # Whoever comes again asks anew for what is held now.
        until = gcra.wait(self.limit, backlog=self.backlog, cost=self.charge.cost + self.charge.held)
        return max(self.blocked, until) / MICROSECONDS


class Occupancy(NamedTuple):
    """How one cap stands after the verdict: `used` places are taken, this request's included if it was admitted."""

    cap: Cap
    used: int
    reason: Reason | None

    @property
    def name(self) -> str:
        """The cap's name."""
        return self.cap.name

    @property
    def remaining(self) -> int:
        """Places free."""
        return max(0, self.cap.most - self.used)

    @property
    def retry_after(self) -> float:
        """Seconds after which it is worth asking again; 0 unless it was refused here."""
        return 0.0 if self.reason is None else _CAP_RETRY


class Verdict(NamedTuple):
    """The answer to one request, at every level.

    Attributes:
        admitted: Yes or no. On no, nothing was taken anywhere.
        standings: One a charge, in their order.
        occupancies: One a cap, in their order.
        lease: What to release when the request is over; None when it holds nothing.
        at: When it was decided, in microseconds of the limiter's own clock.
        degraded: Decided by this replica alone.
    """

    admitted: bool
    standings: tuple[Standing, ...]
    occupancies: tuple[Occupancy, ...]
    lease: Lease | None
    at: int
    degraded: bool = False

    @property
    def denials(self) -> tuple[Standing | Occupancy, ...]:
        """The levels that said no."""
        levels: tuple[Standing | Occupancy, ...] = (*self.standings, *self.occupancies)
        return tuple(level for level in levels if level.reason is not None)

    @property
    def counts_tokens(self) -> bool:
        """Whether a level that counts tokens was asked."""
        return bool(self._of_tokens)

    @property
    def reserved(self) -> int:
        """Tokens taken, at every level that counts them."""
        return max((charge.cost for charge in self._of_tokens), default=0)

    def owed(self, tokens: int) -> list[Charge]:
        """What the levels that count tokens are still to be charged, so many being used; negative for too many."""
        charges = [Charge(bucket, tokens - cost) for bucket, cost, _ in self._of_tokens]
        return [charge for charge in charges if charge.cost]

    @property
    def _of_tokens(self) -> list[Charge]:
        return [standing.charge for standing in self.standings if standing.charge.bucket.unit == "tokens"]

    @property
    def retry_after(self) -> float:
        """Seconds until every level that said no may say yes; 0 when none did."""
        return max((level.retry_after for level in self.denials), default=0.0)


class Limiter(Protocol):
    """Decides over every level in one atomic step.

    Failure mode: `local.LocalLimiter` cannot fail. `redis.RedisLimiter` raises `DependencyDown`, and waits as long as
    its client does. `standby.StandbyLimiter` goes on, degraded: its in-process limiter takes over, at this replica's
    share of every limit, after at most 50 ms.
    """

    async def admit(self, charges: Sequence[Charge], *, caps: Sequence[Cap] = (), lease: float = 300.0) -> Verdict:
        """Checks every charge and cap, then takes from all of them, or from none.

        Args:
            charges: Each for a bucket of its own.
            caps: Places to hold; each under a slot of its own.
            lease: Seconds after which a place that was not released is free again.
        """
        ...

    async def settle(self, verdict: Verdict, *, tokens: int) -> None:
        """Takes what the reservation fell short of, or gives back what it had too much; to be called once.

        Nothing is checked: the tokens have been used already. A bucket may end up overfull, and then admits nothing
        until it has drained to its capacity.
        """
        ...

    async def release(self, lease: Lease) -> None:
        """Gives the places back; twice is as good as once."""
        ...

    async def active(self) -> int:
        """How many buckets are not empty, or serve a penalty: exact while they are few, an estimate beyond."""
        ...
