"""The pool of one process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing

import pytest

from bullpen.errors import (
    DeadlineExceeded,
    InvalidRequest,
    ModelFailed,
    PoolExhausted,
    ShuttingDown,
    UnknownAgent,
)
from bullpen.pool import Lane, Pool
from bullpen.pool.local import LocalPool
from bullpen.resilience import Deadline
from bullpen.telemetry import Metrics
from tests.stubs.clock import StillClock
from tests.stubs.exposition import Exposition
from tests.stubs.workshop import Workshop


def lane(pool: Pool, agent_type: str = "general", *, tenant: str = "t") -> AbstractAsyncContextManager[Lane]:
    return pool.lane(agent_type, tenant=tenant, priority=3, deadline=Deadline.after(60))


async def visit(pool: Pool, agent_type: str = "general") -> Lane:
    """Takes a lane and returns it at once."""
    async with lane(pool, agent_type) as lent:
        return lent


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def workshop() -> Workshop:
    return Workshop()


@pytest.fixture
async def pool(workshop: Workshop, clock: StillClock, metrics: Metrics) -> AsyncIterator[LocalPool]:
    """Four lanes: any number of `general`, two of `coder`, and up to two `surgeon`s with an agent of their own."""
    kinds = [
        workshop.kind("general"),
        workshop.kind("coder", max_concurrent=2),
        workshop.kind("surgeon", shared=False, max_concurrent=2),
    ]
    async with aclosing(LocalPool(kinds=kinds, size=4, max_wait=0.05, metrics=metrics, clock=clock)) as pool:
        await pool.open()
        yield pool


async def test_lanes_are_named_by_type_and_lowest_number(pool: LocalPool) -> None:
    """`{type}_{n}` from 0; a number that comes back is used again."""
    async with lane(pool) as first:
        async with lane(pool) as second, lane(pool, "coder") as coder:
            names = [first.name, second.name, coder.name]
        async with lane(pool) as third:
            names.append(third.name)
    assert names == ["general_0", "general_1", "coder_0", "general_1"]


async def test_shared_lanes_share_and_lent_ones_do_not(pool: LocalPool) -> None:
    """A lane is a permit; only `shared=False` lends an agent of its own."""
    async with lane(pool) as one, lane(pool) as other:
        assert one.agent is other.agent
    async with lane(pool, "surgeon") as one, lane(pool, "surgeon") as other:
        assert one.agent is not other.agent


async def test_a_full_type_holds_up_nobody_else(pool: LocalPool) -> None:
    """While a `coder` waits for a lane of its type, the pool's last lane goes to `general`."""
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(lane(pool, "coder"))
        waiting = asyncio.create_task(visit(pool, "coder"))
        await asyncio.sleep(0)
        async with lane(pool) as general:
            assert general.wait == 0
        with pytest.raises(PoolExhausted):
            await waiting


async def test_the_whole_pool_is_bounded(pool: LocalPool) -> None:
    """The fifth run waits, whatever its type, and is told when to come back."""
    async with AsyncExitStack() as stack:
        for agent_type in ("general", "general", "coder", "surgeon"):
            await stack.enter_async_context(lane(pool, agent_type))
        assert pool.statistics()["pool_utilization"] == 1
        with pytest.raises(PoolExhausted) as caught:
            await visit(pool)
    assert caught.value.retry_after is not None
    assert caught.value.retry_after >= 1


async def test_retry_after_grows_with_the_tasks_length(pool: LocalPool, clock: StillClock) -> None:
    """Two lanes of 30 s each: the next is free in 15 s on average."""
    async with lane(pool, "coder"):
        clock.pass_time(30)
    async with lane(pool, "coder"), lane(pool, "coder"):
        with pytest.raises(PoolExhausted) as caught:
            await visit(pool, "coder")
    assert caught.value.retry_after == 15


async def test_an_unknown_type_is_refused(pool: LocalPool) -> None:
    """At once, by name."""
    with pytest.raises(UnknownAgent, match="`nobody`"):
        await visit(pool, "nobody")


async def test_a_failure_to_build_is_raised_and_gives_the_permit_back(pool: LocalPool, workshop: Workshop) -> None:
    """More often than there are lanes, and then it works."""
    workshop.build_error = OSError("away")
    for agent_type in ("general", "surgeon") * 5:
        with pytest.raises(OSError, match="away"):
            await visit(pool, agent_type)
    workshop.build_error = None
    async with lane(pool), lane(pool, "surgeon"):
        assert pool.statistics()["total_agents_created"] == 2


@pytest.mark.parametrize("agent_type", ["general", "surgeon"])
async def test_cancelled_while_building_leaks_nothing(pool: LocalPool, workshop: Workshop, agent_type: str) -> None:
    """The permit is back at once."""
    workshop.gate.clear()
    building = asyncio.create_task(visit(pool, agent_type))
    await asyncio.sleep(0)
    assert pool.statistics()["agent_types"][agent_type]["active"] == 1
    building.cancel()
    await asyncio.wait((building,))
    assert pool.statistics()["agent_types"][agent_type]["active"] == 0
    workshop.gate.set()


@pytest.mark.parametrize("error", [ModelFailed("no"), InvalidRequest("no")])
async def test_an_agent_whose_run_failed_in_a_known_way_is_lent_again(pool: LocalPool, error: Exception) -> None:
    """The model's or the caller's fault is not the agent's."""
    with pytest.raises(type(error)):
        async with lane(pool, "surgeon") as first:
            raise error
    async with lane(pool, "surgeon") as second:
        assert second.agent is first.agent


@pytest.mark.parametrize("error", [ZeroDivisionError(), DeadlineExceeded("late"), asyncio.CancelledError()])
async def test_an_agent_whose_run_was_interrupted_is_closed(
    pool: LocalPool, workshop: Workshop, error: BaseException
) -> None:
    """Nobody knows what state it was left in; its lane is free all the same."""
    with pytest.raises(type(error)):
        async with lane(pool, "surgeon") as first:
            raise error
    async with lane(pool, "surgeon") as second:
        assert second.agent is not first.agent
        assert second.name == first.name
    await pool.aclose()
    assert first.agent in workshop.closed


async def test_a_run_that_was_cut_off_is_learnt_from(pool: LocalPool, clock: StillClock) -> None:
    """Whoever waits, and has no more time than that run had, is refused when a lane comes back."""

    async def late() -> None:
        async with pool.lane("coder", tenant="t", priority=3, deadline=Deadline.after(2.0, clock=clock)):
            clock.pass_time(2.0)
            raise DeadlineExceeded("late")

    with pytest.raises(DeadlineExceeded):
        await late()
    async with lane(pool, "coder"):
        async with lane(pool, "coder"):
            waiting = asyncio.create_task(late())
            await asyncio.sleep(0)
        with pytest.raises(PoolExhausted, match="in time"):
            await waiting


async def test_a_shared_agent_survives_any_failure(pool: LocalPool) -> None:
    """It keeps nothing of a run."""
    with pytest.raises(ZeroDivisionError):
        async with lane(pool) as first:
            raise ZeroDivisionError
    async with lane(pool) as second:
        assert second.agent is first.agent


async def test_idle_agents_are_closed(pool: LocalPool, workshop: Workshop, clock: StillClock) -> None:
    """After 300 s without work, not before; the next run gets a new one."""
    async with lane(pool, "surgeon") as first:
        pass
    clock.pass_time(299)
    assert await pool.reap() == 0
    clock.pass_time(1)
    assert await pool.reap() == 1
    assert workshop.closed == [first.agent]
    assert pool.statistics()["agent_types"]["surgeon"]["count"] == 0


async def test_the_clean_up_runs_by_itself(workshop: Workshop) -> None:
    """Once the pool is open, nobody has to ask for it."""
    kinds = [workshop.kind("surgeon", shared=False)]
    async with aclosing(LocalPool(kinds=kinds, idle_after=0.0, metrics=Metrics())) as pool:
        await pool.open()
        async with lane(pool, "surgeon"):
            pass
        async with asyncio.timeout(10):
            await workshop.closing.wait()


async def test_closing_waits_for_no_run_and_forgets_no_agent(pool: LocalPool, workshop: Workshop) -> None:
    """New lanes are refused; the agents of a type are closed once, when its last lane has come back."""
    async with lane(pool), lane(pool, "surgeon") as busy:
        async with lane(pool, "surgeon") as idle:
            pass
        await pool.aclose()
        assert workshop.closed == []
        with pytest.raises(ShuttingDown):
            await visit(pool)
    await pool.aclose()
    assert {busy.agent, idle.agent} <= set(workshop.closed)
    assert sorted(agent.closed for agent in workshop.agents) == [1, 1, 1]


async def test_the_statistics_have_the_names_users_know(pool: LocalPool, clock: StillClock) -> None:
    """Whole and by type, after one run that built, one that did not, and one that waits."""
    for _ in range(2):
        async with lane(pool, "coder"):
            clock.pass_time(2)
    async with lane(pool, "coder"), lane(pool, "coder"):
        waiting = asyncio.create_task(visit(pool, "coder"))
        await asyncio.sleep(0)
        clock.pass_time(3)
        found = pool.statistics()
        waiting.cancel()
    idle = {"count": 0, "active": 0, "total_tasks": 0, "waiting": 0}
    assert found == {
        "total_agents": 1,
        "max_pool_size": 4,
        "pool_utilization": 0.5,
        "agent_types": {
            "general": {**idle, "max_concurrent": 4},
            "coder": {"count": 1, "active": 2, "total_tasks": 2, "waiting": 1, "max_concurrent": 2},
            "surgeon": {**idle, "max_concurrent": 2},
        },
        "total_agents_created": 1,
        "total_tasks_processed": 2,
        "avg_task_duration": 2.0,
        "pool_hit_rate": 0.75,
        "active": 2,
        "waiting": 1,
        "waiting_by_priority": {"1": 0, "2": 0, "3": 1, "4": 0, "5": 0},
        "tenants_waiting": 1,
        "longest_wait": 3.0,
        "rate": pytest.approx(0.3, abs=0.05),
        "refused": {"full": 0, "displaced": 0, "deadline": 0, "timeout": 0},
    }


async def test_who_had_to_wait_was_no_hit(pool: LocalPool) -> None:
    """A hit is a lane at once, with an agent that was there: of three, the first is built and the last waited for."""
    async with lane(pool, "coder"):
        async with lane(pool, "coder"):
            waiting = asyncio.create_task(visit(pool, "coder"))
            await asyncio.sleep(0)
        await waiting
    assert pool.statistics()["pool_hit_rate"] == pytest.approx(1 / 3)


async def test_waits_and_runs_are_measured(pool: LocalPool, clock: StillClock, metrics: Metrics) -> None:
    """The wait by type, and how long a lane was held."""
    async with lane(pool, "coder"):
        clock.pass_time(7)
    scrape = Exposition(metrics.render().decode())
    assert scrape.value("bullpen_queue_wait_seconds_count", agent_type="coder") == 1
    assert scrape.value("bullpen_task_processing_time_seconds_sum") == 7


async def test_a_lane_tells_how_long_it_was_waited_for(pool: LocalPool, clock: StillClock) -> None:
    """From asking to having, in seconds."""
    async with lane(pool, "coder"):
        async with lane(pool, "coder"):
            waiting = asyncio.create_task(visit(pool, "coder"))
            await asyncio.sleep(0)
            clock.pass_time(0.04)
        assert (await waiting).wait == pytest.approx(0.04)


async def test_lanes_grow_and_shrink_and_take_none_away(pool: LocalPool) -> None:
    """Fewer lanes than are in use lend no more until enough have come back; more are lent at once."""
    async with AsyncExitStack() as stack:
        for _ in range(4):
            await stack.enter_async_context(lane(pool))
        pool.resize(2)
        assert (pool.lanes, pool.pressure().in_use) == (2, 4)
        assert pool.statistics()["pool_utilization"] == 1
        waiting = asyncio.create_task(visit(pool))
        await asyncio.sleep(0)
        assert pool.pressure().waiting == 1
        pool.resize(5)
        assert (await waiting).name == "general_4"


async def test_the_bound_is_a_ceiling_over_the_size(pool: LocalPool) -> None:
    """The lesser of both holds, at least one; without the bound the size does."""
    sizes = []
    for bound, size in ((3, 10), (None, 10), (0, 10), (8, 2)):
        pool.resize(size)
        pool.bound(bound)
        sizes.append(pool.lanes)
    assert sizes == [3, 10, 1, 2]


async def test_pressure_is_what_scaling_looks_at(pool: LocalPool, clock: StillClock) -> None:
    """Who waits and how long, lanes in use and lanes there are, and lanes given back a second."""
    for _ in range(10):
        async with lane(pool, "coder"):
            clock.pass_time(0.5)
    async with lane(pool, "coder"), lane(pool, "coder"):
        waiting = asyncio.create_task(visit(pool, "coder"))
        await asyncio.sleep(0)
        clock.pass_time(0.02)
        found = pool.pressure()
        waiting.cancel()
    assert (found.waiting, found.in_use, found.lanes) == (1, 2, 4)
    assert found.longest_wait == pytest.approx(0.02)
    assert found.rate == pytest.approx(2.0, rel=0.1)
