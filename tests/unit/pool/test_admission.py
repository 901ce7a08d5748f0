"""Who may run now, under any order of coming, going, giving up, and of the pool growing and shrinking."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bullpen.errors import PoolExhausted
from bullpen.pool.admission import Admission, Rules
from bullpen.pool.ticket import Ticket
from bullpen.telemetry import Metrics
from tests.stubs.lanes import Call, admission, ticket
from tests.stubs.rush_hour import RUN, RushHour, Stream

TYPES: Final = ("a", "b", "c")
MOST: Final = {"b": 1, "c": 2}
LANES: Final = 4
WAITING: Final = 12
TENANTS: Final = ("ada", "bob", "eve")
SHARE: Final = 0.5
MAX_WAIT: Final = 30.0
AGEING: Final = 5.0
LANES_OF_MANY: Final = 100
METRICS: Final = Metrics()  # one for all examples: making it takes longer than an example


class Crowd(RuleBasedStateMachine):
    """People who come, wait, give up, work and go, at an admission on a clock of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        rules = Rules(max_waiting=WAITING, share=SHARE, weights={"bob": 2.0}, ageing=AGEING)
        self.door = admission(TYPES, lanes=LANES, rules=rules, most=MOST, metrics=METRICS)
        self.waiting: list[tuple[Ticket, Call]] = []
        self.inside: list[tuple[str, str]] = []

    @rule(agent_type=st.sampled_from(TYPES), tenant=st.sampled_from(TENANTS), priority=st.integers(1, 5))
    def come(self, agent_type: str, tenant: str, priority: int) -> None:
        found, call = self.door.tenants.find(tenant), Call()
        if self.door.lend(agent_type, found):
            self.inside.append((agent_type, tenant))
            return
        made = ticket(agent_type, tenant=found, priority=priority, since=self.now, until=self.now + 60, call=call)
        try:
            self.door.join(made, max_wait=MAX_WAIT)
        except PoolExhausted:
            pass
        else:
            self.waiting.append((made, call))
        self._hear()

    @precondition(lambda self: self.inside)
    @rule(number=st.integers(0, 100), held=st.sampled_from([None, 0.5, 4.0]))
    def go(self, number: int, held: float | None) -> None:
        agent_type, tenant = self.inside.pop(number % len(self.inside))
        before = [made for made, _ in self.waiting]
        quota = max(1, int(SHARE * self.door.lanes))
        over = {name: sum(holder == name for _, holder in self.inside) >= quota for name in TENANTS}
        self.door.give(agent_type, self.door.tenants.find(tenant), held=held, now=self.now)
        self._check_order(before, over)
        self._hear()

    @precondition(lambda self: self.waiting)
    @rule(number=st.integers(0, 100), told=st.booleans())
    def give_up(self, number: int, told: bool) -> None:
        made, call = self.waiting[number % len(self.waiting)]
        if told:
            assert self.door.leave(made, None, now=self.now)
            assert not self.door.leave(made, None, now=self.now)
            self.waiting.remove((made, call))
        else:
            call.is_cancelled = True  # it hears of nothing any more, and has not said so yet

    @rule(seconds=st.sampled_from([0.1, 4.0, 11.0, 40.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(lanes=st.integers(1, 6))
    def resize(self, lanes: int) -> None:
        self.door.resize(lanes, self.now)
        self._hear()

    @invariant()
    def no_more_lanes_are_out_than_were_taken(self) -> None:
        """The books are those of the people, whole and by type and tenant."""
        by_type, by_tenant = Counter(kind for kind, _ in self.inside), Counter(name for _, name in self.inside)
        assert self.door.in_use == len(self.inside)
        assert {name: self.door.used(name) for name in TYPES} == {name: by_type[name] for name in TYPES}
        assert {name: self.door.tenants.find(name).held for name in TENANTS} == {n: by_tenant[n] for n in TENANTS}
        assert all(by_type[name] <= most for name, most in MOST.items())

    @invariant()
    def nobody_waits_who_could_work(self) -> None:
        """Whose type has a place while there is a lane."""
        if self.door.in_use < self.door.lanes:
            could = {made.agent_type for made, call in self.waiting if not call.is_cancelled}
            assert all(self.door.used(name) >= MOST.get(name, LANES * 9) for name in could)

    @invariant()
    def the_queue_is_those_who_wait(self) -> None:
        """None is forgotten, none is there twice, and there are no more than may be."""
        assert len(self.door.queue) == len(self.waiting) <= WAITING
        assert {n: self.door.queue.waiting(n) for n in TYPES} == {
            n: sum(made.agent_type == n for made, _ in self.waiting) for n in TYPES
        }
        assert sum(self.door.queue.by_priority()) == len(self.waiting)
        assert self.door.tenants.waiting == len({made.tenant.name for made, _ in self.waiting})

    def _check_order(self, before: list[Ticket], over: dict[str, bool]) -> None:
        """Of two for one type, none went before the other of a better level, unless that one held its share."""
        served = [made for made in before if made.row is None and made.until > self.now and "lane" in _heard(made)]
        left = [made for made in before if made.row is not None]
        assert len(served) <= 1
        for lucky in served:
            for other in left:
                if other.agent_type == lucky.agent_type and not over[other.tenant.name]:
                    assert lucky.level <= other.level
                    assert not over[lucky.tenant.name]

    def _hear(self) -> None:
        for made, call in list(self.waiting):
            if made.row is not None:
                continue
            assert len(call.outcomes) == (not call.is_cancelled)
            self.waiting.remove((made, call))
            if call.outcomes == ["lane"]:
                assert made.until > self.now
                self.inside.append((made.agent_type, made.tenant.name))

    def teardown(self) -> None:
        """At the end everybody has been served, and every lane is back."""
        for _, call in self.waiting:
            call.is_cancelled = False
        while self.inside:
            self.go(0, 1.0)
        assert self.door.in_use == len(self.door.queue) == len(self.door.tenants) == 0


def _heard(made: Ticket) -> list[str]:
    assert isinstance(made.called, Call)
    return list(made.called.outcomes)


TestCrowd = Crowd.TestCase
TestCrowd.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def waits(
    door: Admission,
    *,
    number: int,
    tenant: str = "t",
    priority: int = 3,
    now: float = 0.0,
    agent_type: str = "a",
) -> list[Call]:
    """So many join the queue for one type."""
    calls = [Call() for _ in range(number)]
    for call in calls:
        found = door.tenants.find(tenant)
        made = ticket(agent_type, tenant=found, priority=priority, since=now, until=now + 1000, call=call)
        door.join(made, max_wait=1000)
    return calls


def saturated(
    *, rate: float = 10.0, seconds: int = 30, rules: Rules | None = None, most: Mapping[str, int] | None = None
) -> tuple[Admission, float]:
    """A pool of one lane that has lent so many a second for a while, and is lent; and the moment."""
    door, now = admission(lanes=1, rules=rules, most=most), 0.0
    assert door.lend("a", door.tenants.find("t"))
    waits(door, number=round(rate * seconds))
    for number in range(1, round(rate * seconds) + 1):
        now = number / rate
        door.give("a", door.tenants.find("t"), held=1 / rate, now=now)
    return door, now


def test_what_cannot_make_its_deadline_is_refused_at_once() -> None:
    """A hundred before it and ten a second: nine seconds are not enough, twelve are, and the refusal says how long."""
    door, now = saturated()
    waits(door, number=100, now=now)
    late = ticket(tenant=door.tenants.find("t"), since=now, until=now + 9)
    with pytest.raises(PoolExhausted, match="none would come free in time") as caught:
        door.join(late, max_wait=1000)
    assert caught.value.retry_after == pytest.approx(10, abs=1)
    door.join(ticket(tenant=door.tenants.find("t"), since=now, until=now + 12), max_wait=1000)
    assert door.gauges.refused["deadline"] == 1


def test_the_pools_own_patience_is_a_deadline_too() -> None:
    """Who would only be sent away after it is sent away before."""
    door, now = saturated()
    waits(door, number=100, now=now)
    with pytest.raises(PoolExhausted, match="in time"):
        door.join(ticket(tenant=door.tenants.find("t"), since=now), max_wait=5)


def test_only_those_count_who_are_served_before() -> None:
    """In the same queue, a better priority has few before it, and so has another tenant."""
    door, now = saturated()
    waits(door, number=100, now=now)
    door.join(ticket(tenant=door.tenants.find("t"), priority=1, since=now, until=now + 1), max_wait=1000)
    door.join(ticket(tenant=door.tenants.find("u"), since=now, until=now + 1), max_wait=1000)


def test_a_saturated_type_refuses_nobody_elses_requests() -> None:
    """A hundred of the same tenant wait for `b`, of which one may run: one for `a` is served before all of them."""
    door, now = saturated(most={"b": 1})
    door.resize(2, now)
    assert door.lend("b", door.tenants.find("t"))
    waits(door, number=100, now=now, agent_type="b")
    door.join(ticket(tenant=door.tenants.find("t"), since=now, until=now + 2), max_wait=1000)
    assert door.gauges.refused["deadline"] == 0


def test_a_pace_that_is_not_known_refuses_nobody() -> None:
    """At the beginning, and after a long time without anybody who waited."""
    door = admission(lanes=1)
    assert door.lend("a", door.tenants.find("t"))
    waits(door, number=500)
    door.join(ticket(tenant=door.tenants.find("t"), since=0, until=1), max_wait=1000)
    later, now = saturated(rate=1.0)
    later.join(ticket(tenant=later.tenants.find("t"), since=now + 3600, until=now + 3601), max_wait=1000)


def test_a_full_queue_refuses_with_a_time_to_come_back() -> None:
    """By the pace at which lanes come back: thirty before it and ten a second."""
    door, now = saturated(rules=Rules(max_waiting=300))
    waits(door, number=300, now=now)
    with pytest.raises(PoolExhausted, match="too many requests wait already") as caught:
        door.join(ticket(tenant=door.tenants.find("t"), since=now), max_wait=1000)
    assert caught.value.retry_after == pytest.approx(28, abs=3)


def test_who_expired_costs_no_lane_and_no_turn() -> None:
    """It is sent away by whoever finds it, and the next one has the lane."""
    door = admission(lanes=1)
    assert door.lend("a", door.tenants.find("t"))
    expired, alive = Call(), Call()
    door.join(ticket(tenant=door.tenants.find("t"), until=1.0, call=expired), max_wait=1000)
    door.join(ticket(tenant=door.tenants.find("t"), until=9.0, call=alive), max_wait=1000)
    door.give("a", door.tenants.find("t"), held=2.0, now=2.0)
    assert (expired.outcomes, alive.outcomes) == (["expired"], ["lane"])


def test_a_tenant_has_more_than_its_share_only_when_nobody_else_wants_it() -> None:
    """Half of four lanes: alone it has all of them, and gets none back while another waits for more than it holds."""
    door = admission(lanes=4, rules=Rules(share=0.5))
    for _ in range(4):
        assert door.lend("a", door.tenants.find("greedy"))
    waits(door, number=8, tenant="greedy")
    modest = waits(door, number=8, tenant="modest")
    for now in range(1, 3):
        door.give("a", door.tenants.find("greedy"), held=1.0, now=float(now))
    assert sum(call.outcomes == ["lane"] for call in modest) == 2
    assert door.tenants.find("greedy").held == 2


def test_shut_sends_everybody_away_who_waits() -> None:
    """Lanes that are out stay out."""
    door = admission(lanes=1)
    assert door.lend("a", door.tenants.find("t"))
    calls = waits(door, number=3)
    door.shut(0.0)
    assert [call.outcomes for call in calls] == [["shut"]] * 3
    assert (door.in_use, len(door.queue)) == (1, 0)


def flood(rate: float, *, share: float = 1.0) -> tuple[RushHour, list[Stream]]:
    """Six tenants for forty seconds, of which one asks for so many a second and five for half of what is theirs."""
    fair = LANES_OF_MANY / RUN / 6
    others = [Stream(tenant=f"t{number}", rate=fair / 2) for number in range(5)]
    door = admission(["a"], lanes=LANES_OF_MANY, rules=Rules(share=share), metrics=METRICS)
    return RushHour(door, [*others, Stream(tenant="flood", rate=rate * fair)], seconds=40), others


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_one_tenant_at_ten_times_its_share_does_not_move_the_others_waits(share: float) -> None:
    """Beside it the others are neither refused nor slowed down.

    A hundred lanes serve two hundred a second. The 99th percentile of the others' answers is that of their runs, three
    quarters of a second, and of their waits: together less than a fifth above what it is without the flood.
    """
    (calm, others), (flooded, _) = flood(1.0, share=share), flood(10.0, share=share)
    longest_run = 1.5 * RUN
    for stream in others:
        assert flooded.refused[stream] == calm.refused[stream] == 0
        assert longest_run + flooded.p99(stream) < 1.2 * (longest_run + calm.p99(stream))
    assert flooded.longest == Rules().max_waiting


@pytest.mark.parametrize("timeout", [2.0, 5.0, 60.0])
def test_overload_keeps_the_lanes_busy_with_what_ends_in_time(timeout: float) -> None:
    """Five times what a hundred lanes can serve: at least nine tenths of that ends in time, whatever the deadline.

    Those who are let in wait no longer than their deadline leaves, and the queue is bounded.
    """
    door = admission(["a"], lanes=LANES_OF_MANY, metrics=METRICS)
    stream = Stream(tenant="t", rate=5 * LANES_OF_MANY / RUN, timeout=timeout)
    hour = RushHour(door, [stream], seconds=20)
    assert hour.good >= 0.9 * 20 * LANES_OF_MANY / RUN
    assert hour.late <= 0.02 * hour.good
    assert hour.p99(stream) < timeout
    assert hour.longest <= Rules().max_waiting


def test_a_lane_goes_to_nobody_whose_run_would_be_cut_off() -> None:
    """Where runs with as little time were cut off before, it goes to the next one."""
    door = admission(lanes=1)
    tenant = door.tenants.find("t")
    assert door.lend("a", tenant)
    door.give("a", tenant, held=2.0, had=2.0, now=2.0, cut=True)
    assert door.lend("a", tenant)
    late, alive = Call(), Call()
    door.join(ticket(tenant=tenant, since=2.0, until=5.5, call=late), max_wait=1000)
    door.join(ticket(tenant=tenant, since=2.0, until=60.0, call=alive), max_wait=1000)
    door.give("a", tenant, held=1.5, now=3.5)
    assert (late.outcomes, alive.outcomes) == (["late"], ["lane"])


def test_one_long_run_empties_no_queue() -> None:
    """Ten wait for half a minute each for runs of a second, and one run of five minutes comes back."""
    door = admission(lanes=1)
    tenant = door.tenants.find("t")
    for second in range(20):
        assert door.lend("a", tenant)
        door.give("a", tenant, held=1.0, had=30.0, now=float(second))
    assert door.lend("a", tenant)
    calls = [Call() for _ in range(10)]
    for call in calls:
        door.join(ticket(tenant=tenant, since=20.0, until=50.0, call=call), max_wait=1000)
    door.give("a", tenant, held=290.0, had=300.0, now=21.0)
    assert [call.outcomes for call in calls] == [["lane"], *[[]] * 9]


@pytest.mark.parametrize(("run", "timeout"), [(20.0, 300.0), (3.0, 1.0)])
def test_small_tasks_with_little_time_are_not_judged_by_anothers_large_ones(run: float, timeout: float) -> None:
    """Neither where another's runs are long, nor where all of another's are cut off: theirs end in time, most of them.

    In both, the other one asks for more than there is.
    """
    large = Stream(tenant="large", rate=2 * LANES_OF_MANY / run, run=run, timeout=timeout)
    small = Stream(tenant="small", rate=1.5, run=0.4, timeout=4.0 if run > timeout else 5.0)
    hour = RushHour(admission(["a"], lanes=LANES_OF_MANY, metrics=METRICS), [large, small], seconds=60)
    assert hour.good_of[small] >= 0.9 * (hour.good_of[small] + hour.refused[small])


def test_nothing_starves() -> None:
    """Under more of priority 1 than there are lanes, priority 5 is served as well, if it comes from somebody else."""
    urgent, patient = Stream(tenant="u", rate=300, priority=1), Stream(tenant="p", rate=20, priority=5)
    hour = RushHour(admission(["a"], lanes=LANES_OF_MANY, metrics=METRICS), [urgent, patient], seconds=60)
    assert len(hour.waits[patient]) >= 0.9 * (len(hour.waits[patient]) + hour.refused[patient])
    assert max(hour.waits[patient]) < 4 * AGEING + 5
