"""The algorithm, held to virtual scheduling in exact fractions."""

from fractions import Fraction
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.limits.gcra import MAX_TICKS, MICROSECONDS, Limit, admits, drained, poured, remaining, reset, wait

LIMITS = st.builds(
    Limit,
    rate=st.integers(1, 10_000),
    per=st.sampled_from([1, 7, 1000, MICROSECONDS, 60 * MICROSECONDS, 3600 * MICROSECONDS]),
    burst=st.integers(1, 500),
)
ARRIVALS = st.lists(st.tuples(st.integers(0, 5 * MICROSECONDS), st.integers(1, 20)), min_size=1, max_size=80)


class VirtualScheduling:
    """I.371's other form: one theoretical arrival time, as a fraction of a microsecond."""

    def __init__(self, limit: Limit) -> None:
        self.interval = Fraction(limit.per, limit.rate)
        self.limit = limit
        self.due = Fraction(0)

    def admit(self, at: int, cost: int) -> bool:
        start = max(Fraction(at), self.due)
        needed = min(cost, self.limit.burst) * self.interval
        if start + needed - self.limit.burst * self.interval > at:
            return False
        self.due = start + cost * self.interval
        return True


class Bucket:
    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.backlog = self.seen = 0

    def admit(self, at: int, cost: int) -> bool:
        self.backlog = drained(self.limit, backlog=self.backlog, elapsed=at - self.seen)
        self.seen = at
        if not admits(self.limit, backlog=self.backlog, cost=cost):
            return False
        self.backlog = poured(self.limit, backlog=self.backlog, cost=cost)
        return True


def schedule(arrivals: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pauses turned into moments."""
    moments = accumulate(pause for pause, _ in arrivals)
    return [(at, cost) for at, (_, cost) in zip(moments, arrivals, strict=True)]


@given(LIMITS, ARRIVALS)
def test_it_decides_as_virtual_scheduling_does(limit: Limit, arrivals: list[tuple[int, int]]) -> None:
    """Both forms of the algorithm agree on every arrival of every schedule."""
    bucket, model = Bucket(limit), VirtualScheduling(limit)
    for at, cost in schedule(arrivals):
        assert bucket.admit(at, cost) == model.admit(at, cost)
        assert Fraction(bucket.backlog, limit.grain) == max(Fraction(0), model.due - at)


@given(LIMITS, ARRIVALS)
def test_never_over(limit: Limit, arrivals: list[tuple[int, int]]) -> None:
    """Between any two moments at most burst + rate * time is admitted."""
    bucket = Bucket(limit)
    admitted = [(at, cost) for at, cost in schedule(arrivals) if cost <= limit.burst and bucket.admit(at, cost)]
    for first, (begin, _) in enumerate(admitted):
        for last in range(first, len(admitted)):
            total = sum(cost for _, cost in admitted[first : last + 1])
            assert total <= limit.burst + Fraction(limit.rate * (admitted[last][0] - begin), limit.per)


@given(LIMITS, st.integers(1, 2000), st.integers(0, 10**9))
def test_never_starved(limit: Limit, cost: int, backlog: int) -> None:
    """Whatever lies in the bucket, after `wait` the charge is admitted, and a microsecond before it is not."""
    until = wait(limit, backlog=backlog, cost=cost)
    assert admits(limit, backlog=drained(limit, backlog=backlog, elapsed=until), cost=cost)
    assert until == 0 or not admits(limit, backlog=drained(limit, backlog=backlog, elapsed=until - 1), cost=cost)


@given(LIMITS, st.integers(0, 10**9))
def test_what_remains_is_what_is_admitted(limit: Limit, backlog: int) -> None:
    """Exactly `remaining` units are admitted, together or one by one, and not one more."""
    units = remaining(limit, backlog=backlog)
    assert units == 0 or admits(limit, backlog=backlog, cost=units)
    assert units == limit.burst or not admits(limit, backlog=backlog, cost=units + 1)
    one_by_one = 0
    while admits(limit, backlog=backlog, cost=1):
        backlog, one_by_one = poured(limit, backlog=backlog, cost=1), one_by_one + 1
    assert one_by_one == units


@given(LIMITS, st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_more_time_never_means_less_room(limit: Limit, backlog: int, sooner: int, longer: int) -> None:
    """The backlog falls with time, and is gone after `reset`."""
    first, then = sorted((sooner, longer))
    assert drained(limit, backlog=backlog, elapsed=then) <= drained(limit, backlog=backlog, elapsed=first)
    whole = reset(limit, backlog=backlog)
    assert drained(limit, backlog=backlog, elapsed=whole) == 0
    assert whole == 0 or drained(limit, backlog=backlog, elapsed=whole - 1) > 0


@given(LIMITS, st.integers(0, 10**9), st.integers(0, 1000))
def test_a_denial_takes_nothing(limit: Limit, backlog: int, cost: int) -> None:
    """Only pouring changes a bucket: asking and being refused leaves it as it was."""
    bucket = Bucket(limit)
    bucket.backlog = backlog
    if not bucket.admit(0, cost):
        assert bucket.backlog == backlog


@given(LIMITS, st.integers(0, 10**9), st.integers(0, 1000))
def test_what_is_given_back_was_never_taken(limit: Limit, backlog: int, cost: int) -> None:
    """A reservation given back at once leaves no trace, and a bucket is never emptier than empty."""
    there = poured(limit, backlog=backlog, cost=cost)
    assert poured(limit, backlog=there, cost=-cost) == backlog
    assert poured(limit, backlog=0, cost=-cost) == 0


def test_more_than_the_burst_waits_for_an_empty_bucket() -> None:
    """It is admitted then, and pays for all of it before anybody else is."""
    limit = Limit(1, MICROSECONDS, 10)
    assert not admits(limit, backlog=1, cost=25)
    assert admits(limit, backlog=0, cost=25)
    assert wait(limit, backlog=poured(limit, backlog=0, cost=25), cost=1) == 16 * MICROSECONDS


def test_a_clock_that_goes_back_drains_nothing() -> None:
    """Nothing is lost by it either."""
    assert drained(Limit(1, 1, 1), backlog=5, elapsed=-3) == 5


@given(LIMITS, st.integers(1, 64))
def test_a_share_is_exactly_a_part(limit: Limit, replicas: int) -> None:
    """All replicas together keep the rate to the last unit, and burst more only where each keeps its one."""
    share = limit.shared_by(replicas)
    assert Fraction(share.rate, share.per) * replicas == Fraction(limit.rate, limit.per)
    assert share.burst * replicas <= max(limit.burst, replicas)
    assert share.burst >= 1


@pytest.mark.parametrize("numbers", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (-5, 1, 1), (1, MAX_TICKS, 2), (2**60, 1, 1)])
def test_what_is_no_limit_is_refused(numbers: tuple[int, int, int]) -> None:
    """Nothing below 1, and nothing that could not be counted exactly."""
    with pytest.raises(ValueError, match="rate, per and burst"):
        Limit(*numbers)
