"""Permits, under any order of coming, going and giving up."""

import asyncio
from collections import Counter
from typing import Literal, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bullpen.errors import DeadlineExceeded, PoolExhausted, ShuttingDown
from bullpen.pool.permits import Permits
from bullpen.pool.tally import Tally
from bullpen.resilience import Deadline
from bullpen.telemetry import Metrics
from tests.stubs.clock import StillClock
from tests.stubs.exposition import Exposition

SIZE = 3
LIMITS = {"a": 3, "b": 1, "c": 2}

Step: TypeAlias = tuple[Literal["come", "go", "give up", "turn"], int]
STEPS = st.lists(st.tuples(st.sampled_from(["come", "come", "go", "give up", "turn"]), st.integers(0, 30)), max_size=80)


def permits(*, max_wait: float = 60.0, max_waiting: int = 1000, metrics: Metrics | None = None) -> Permits:
    return Permits(
        size=SIZE,
        limits=LIMITS,
        max_wait=max_wait,
        max_waiting=max_waiting,
        tally=Tally(),
        metrics=metrics or Metrics(),
        clock=StillClock(),
    )


async def take(permits: Permits, agent_type: str, *, within: float = 60.0) -> bool:
    return await permits.take(agent_type, tenant="t", priority=3, deadline=Deadline.after(within))


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
        used = {name: self.permits.used(name) for name in LIMITS}
        assert sum(used.values()) == self.permits.in_use <= SIZE
        assert all(used[name] <= limit for name, limit in LIMITS.items())
        held = Counter(agent_type for agent_type, _ in self.holding.values())
        assert all(held[name] <= used[name] for name in LIMITS)
        for name, limit in LIMITS.items():
            has_room = self.permits.in_use < SIZE and used[name] < limit
            assert not (has_room and self.permits.queue.waiting(name))

    async def _visit(self, agent_type: str, index: int) -> None:
        await take(self.permits, agent_type)
        self.order.append(index)
        self.holding[index] = agent_type, asyncio.Event()
        try:
            await self.holding[index][1].wait()
        finally:
            del self.holding[index]
            self.permits.give(agent_type)


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
    assert crowd.permits.in_use == 0
    assert len(crowd.permits.queue) == 0
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
    door.give("b")
    granted.cancel()
    assert await following is True
    assert granted.cancelled()
    assert door.used("b") == 1


async def test_taking_says_whether_it_meant_waiting() -> None:
    """A free permit is taken in the same turn of the loop."""
    door = permits()
    assert await take(door, "b") is False
    waiting = asyncio.create_task(take(door, "b"))
    await asyncio.sleep(0)
    door.give("b")
    assert await waiting is True


async def test_waited_too_long_is_exhausted_with_a_time_to_come_back() -> None:
    """Failure mode closed: the pool's own patience ends first, and the place in the line is given up."""
    door = permits(max_wait=0.01)
    await take(door, "b")
    with pytest.raises(PoolExhausted, match="none came free") as caught:
        await take(door, "b")
    assert caught.value.retry_after == 1
    assert len(door.queue) == 0


async def test_the_deadline_ends_the_wait() -> None:
    """Whichever comes first: here the caller's patience."""
    door = permits()
    await take(door, "b")
    with pytest.raises(DeadlineExceeded):
        await take(door, "b", within=0.01)
    assert len(door.queue) == 0


async def test_a_deadline_that_has_passed_takes_nothing() -> None:
    """Even when lanes are free: nobody wants the answer."""
    door = permits()
    with pytest.raises(DeadlineExceeded):
        await take(door, "a", within=0)
    assert door.in_use == 0


async def test_a_full_queue_refuses_at_once() -> None:
    """The one too many does not wait to be refused."""
    door = permits(max_waiting=1)
    await take(door, "b")
    waiting = asyncio.create_task(take(door, "b"))
    await asyncio.sleep(0)
    with pytest.raises(PoolExhausted, match="1 requests wait already"):
        await take(door, "b")
    door.shut()
    with pytest.raises(ShuttingDown):
        await waiting


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
    door.give("b")
    assert door.in_use == 0


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
    door.give("b")
    await waiting
    door.give("b")
    scrape = Exposition(metrics.render().decode())
    assert scrape.value("bullpen_active_agents") == scrape.value("bullpen_task_queue_size") == 0
