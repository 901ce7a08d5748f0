"""Permits, under any order of coming, going and giving up."""

import asyncio
from collections import Counter
from typing import Literal, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bullpen.errors import DeadlineExceeded, PoolExhausted, ShuttingDown
from bullpen.pool.admission import Admission, Rules
from bullpen.pool.permits import Permits
from bullpen.resilience import Deadline
from bullpen.telemetry import Metrics
from tests.stubs.clock import StillClock
from tests.stubs.exposition import Exposition
from tests.stubs.lanes import admission

SIZE = 3
LIMITS = {"a": 3, "b": 1, "c": 2}

Step: TypeAlias = tuple[Literal["come", "go", "give up", "turn"], int]
STEPS = st.lists(st.tuples(st.sampled_from(["come", "come", "go", "give up", "turn"]), st.integers(0, 30)), max_size=80)


class Door(Permits):
    """Permits whose admission can be looked at."""

    def __init__(self, admission: Admission, *, max_wait: float) -> None:
        super().__init__(admission, max_wait=max_wait, clock=StillClock(0.0))
        self.admission = admission


def permits(*, max_wait: float = 60.0, max_waiting: int = 1000, metrics: Metrics | None = None) -> Door:
    rules = Rules(max_waiting=max_waiting)
    return Door(admission(sorted(LIMITS), lanes=SIZE, rules=rules, most=LIMITS, metrics=metrics), max_wait=max_wait)


async def take(
    permits: Permits, agent_type: str, *, within: float = 60.0, tenant: str = "t", priority: int = 3
) -> bool:
    return await permits.take(agent_type, tenant=tenant, priority=priority, deadline=Deadline.after(within))


class Crowd:
    """Tasks that take a permit, hold it until they are told to go, and give it back."""

    def __init__(self) -> None:
        self.permits = permits()
        self.tasks: list[tuple[str, asyncio.Task[None]]] = []
        self.holding: dict[int, tuple[str, asyncio.Event]] = {}
        self.cancelled: set[asyncio.Task[None]] = set()
        self.order: list[int] = []

    def come(self, number: int) -> None:
        agent_type = sorted(LIMITS)[number % len(LIMITS)]
        index = len(self.tasks)
        self.tasks.append((agent_type, asyncio.create_task(self._visit(agent_type, index))))

    def go(self, number: int) -> None:
        if self.holding:
            _, leave = list(self.holding.values())[number % len(self.holding)]
            leave.set()

    def give_up(self, number: int) -> None:
        if self.tasks:
            _, task = self.tasks[number % len(self.tasks)]
            task.cancel()
            self.cancelled.add(task)

    async def settle(self) -> None:
        for _ in range(8):
            await asyncio.sleep(0)

    def check(self) -> None:
        """Never more than the caps, and nobody waits whose type and whose pool have room."""
        used = {name: self.permits.admission.used(name) for name in LIMITS}
        assert sum(used.values()) == self.permits.admission.in_use <= SIZE
        assert all(used[name] <= limit for name, limit in LIMITS.items())
        held = Counter(agent_type for agent_type, _ in self.holding.values())
        assert all(held[name] <= used[name] for name in LIMITS)
        for name, limit in LIMITS.items():
            has_room = self.permits.admission.in_use < SIZE and used[name] < limit
            assert not (has_room and self.permits.admission.queue.waiting(name))

    async def _visit(self, agent_type: str, index: int) -> None:
        await take(self.permits, agent_type)
        self.order.append(index)
        self.holding[index] = agent_type, asyncio.Event()
        try:
            await self.holding[index][1].wait()
        finally:
            del self.holding[index]
            self.permits.give(agent_type, tenant="t", held=1.0)


async def live(steps: list[Step]) -> Crowd:
    """Plays the steps, with no turn of the event loop between them but those asked for; then lets everybody out."""
    crowd = Crowd()
    for name, number in steps:
        match name:
            case "come":
                crowd.come(number)
            case "go":
                crowd.go(number)
            case "give up":
                crowd.give_up(number)
            case "turn":
                await asyncio.sleep(0)
        crowd.check()
    while not all(task.done() for _, task in crowd.tasks):
        await crowd.settle()
        crowd.check()
        for number in range(len(crowd.holding)):
            crowd.go(number)
    return crowd


@settings(deadline=None, max_examples=300)
@given(STEPS)
def test_no_permit_is_lost_or_made_up_and_nobody_is_forgotten(steps: list[Step]) -> None:
    """In any order: never above the caps; at the end every permit is back, and whoever did not give up was served.

    Steps follow one another without a turn of the loop, so the moment a permit is granted to a task that is cancelled
    is among them.
    """
    crowd = asyncio.run(live(steps))
    assert crowd.permits.admission.in_use == 0
    assert len(crowd.permits.admission.queue) == 0
    served = {task for index, (_, task) in enumerate(crowd.tasks) if index in crowd.order}
    assert {task for _, task in crowd.tasks} - served <= crowd.cancelled


@settings(deadline=None)
@given(st.lists(st.sampled_from(range(3)), min_size=1, max_size=30))
def test_inside_a_type_it_is_first_come_first_served(arrivals: list[int]) -> None:
    """The order of service of each type is its order of arrival."""
    crowd = asyncio.run(live([("come", number) for number in arrivals]))
    for name in LIMITS:
        order = [index for index in crowd.order if crowd.tasks[index][0] == name]
        assert order == sorted(order)


async def test_a_permit_granted_in_the_moment_of_cancelling_is_passed_on() -> None:
    """The classic race: granted and cancelled in the same turn of the loop, then the next in line has it."""
    door = permits()
    await take(door, "b")
    granted, following = (asyncio.create_task(take(door, "b")) for _ in range(2))
    await asyncio.sleep(0)
    door.give("b", tenant="t", held=1.0)
    granted.cancel()
    assert await following is True
    assert granted.cancelled()
    assert door.admission.used("b") == 1


async def test_taking_says_whether_it_meant_waiting() -> None:
    """A free permit is taken in the same turn of the loop."""
    door = permits()
    assert await take(door, "b") is False
    waiting = asyncio.create_task(take(door, "b"))
    await asyncio.sleep(0)
    door.give("b", tenant="t", held=1.0)
    assert await waiting is True


async def test_waited_too_long_is_exhausted_with_a_time_to_come_back() -> None:
    """Failure mode closed: the pool's own patience ends first, and the place in the line is given up."""
    door = permits(max_wait=0.01)
    await take(door, "b")
    with pytest.raises(PoolExhausted, match="none came free") as caught:
        await take(door, "b")
    assert caught.value.retry_after == 1
    assert len(door.admission.queue) == 0


async def test_the_deadline_ends_the_wait() -> None:
    """Whichever comes first: here the caller's patience."""
    door = permits()
    await take(door, "b")
    with pytest.raises(DeadlineExceeded):
        await take(door, "b", within=0.01)
    assert len(door.admission.queue) == 0
    assert door.admission.gauges.refused["timeout"] == 1


@pytest.mark.parametrize(("seconds", "counted"), [(30, 1), (29, 0)])
async def test_who_is_cancelled_at_the_deadline_was_refused_and_did_not_leave(seconds: float, counted: int) -> None:
    """Whoever bounds the whole run may be quicker to say so; who leaves before was not refused."""
    clock = StillClock(0.0)
    door = Permits(opened := admission(["b"], lanes=1), max_wait=60, clock=clock)
    await take(door, "b")
    waiting = asyncio.create_task(
        door.take("b", tenant="t", priority=3, deadline=Deadline.after(30, clock=clock)),
    )
    await asyncio.sleep(0)
    clock.pass_time(seconds)
    waiting.cancel()
    await asyncio.wait((waiting,))
    assert opened.gauges.refused["timeout"] == counted


async def test_a_deadline_that_has_passed_takes_nothing() -> None:
    """Even when lanes are free: nobody wants the answer."""
    door = permits()
    with pytest.raises(DeadlineExceeded):
        await take(door, "a", within=0)
    assert door.admission.in_use == 0


async def test_a_full_queue_refuses_at_once() -> None:
    """The one too many does not wait to be refused."""
    door = permits(max_waiting=1)
    await take(door, "b")
    waiting = asyncio.create_task(take(door, "b"))
    await asyncio.sleep(0)
    with pytest.raises(PoolExhausted, match="too many requests wait already"):
        await take(door, "b")
    door.shut()
    with pytest.raises(ShuttingDown):
        await waiting


async def test_a_better_priority_takes_a_place_in_a_full_queue() -> None:
    """Whoever had it is told when to come back."""
    door = permits(max_waiting=1)
    await take(door, "b")
    worse = asyncio.create_task(take(door, "b", priority=5))
    await asyncio.sleep(0)
    better = asyncio.create_task(take(door, "b", priority=1))
    with pytest.raises(PoolExhausted, match="better claim") as caught:
        await worse
    assert caught.value.retry_after == 1
    door.give("b", tenant="t", held=1.0)
    assert await better is True


async def test_a_lane_that_comes_after_the_deadline_is_not_taken() -> None:
    """Where the loop is late, the clock decides and not the timer: the lane goes to the next one."""
    clock = StillClock(0.0)
    line = admission(["b"], lanes=1)
    door = Permits(line, max_wait=60.0, clock=clock)
    await take(door, "b")
    late = asyncio.create_task(take(door, "b", within=30))
    patient = asyncio.create_task(take(door, "b", within=50))
    await asyncio.sleep(0)
    clock.pass_time(40)
    door.give("b", tenant="t", held=1.0)
    with pytest.raises(DeadlineExceeded):
        await late
    assert await patient is True


async def test_shut_sends_everybody_away() -> None:
    """Those who wait and those who come; permits that are out can still come back."""
    door = permits()
    await take(door, "b")
    waiting = asyncio.create_task(take(door, "b"))
    await asyncio.sleep(0)
    door.shut()
    for refused in (waiting, take(door, "a")):
        with pytest.raises(ShuttingDown):
            await refused
    door.give("b", tenant="t", held=1.0)
    assert door.admission.in_use == 0


async def test_the_metrics_follow() -> None:
    """In use by type, the share of the pool, and how many wait."""
    metrics = Metrics()
    door = permits(metrics=metrics)
    await take(door, "b")
    waiting = asyncio.create_task(take(door, "b"))
    await asyncio.sleep(0)
    scrape = Exposition(metrics.render().decode())
    assert scrape.value("bullpen_active_agents", agent_type="b") == 1
    assert scrape.value("bullpen_pool_size") == SIZE
    assert scrape.value("bullpen_pool_utilization_percent") == pytest.approx(100 / SIZE)
    assert scrape.value("bullpen_task_queue_size") == 1
    door.give("b", tenant="t", held=1.0)
    await waiting
    door.give("b", tenant="t", held=1.0)
    scrape = Exposition(metrics.render().decode())
    assert scrape.value("bullpen_active_agents") == scrape.value("bullpen_task_queue_size") == 0
