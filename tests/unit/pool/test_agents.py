"""Where a lane's agent comes from."""

import asyncio

import pytest
from structlog.testing import capture_logs

from bullpen.pool.agents import Closing, LentAgents, SharedAgent
from tests.stubs.workshop import Workshop


async def test_a_shared_agent_is_built_once_for_all_who_wait() -> None:
    """Single flight: ten at once are one building, and later ones need none."""
    workshop, closing = Workshop(), Closing()
    shared = SharedAgent(workshop.kind(), closing=closing)
    assert shared.ready("t") is None
    held = await asyncio.gather(*(shared.build("t") for _ in range(10)))
    assert workshop.builds == shared.created == shared.count == 1
    assert {each.agent for each in held} == {workshop.agents[0]}
    assert shared.ready("another tenant") is held[0]


async def test_a_failure_to_build_is_told_to_all_and_not_remembered() -> None:
    """Everybody who waited learns the cause; the next one tries again."""
    workshop = Workshop()
    shared = SharedAgent(workshop.kind(), closing=Closing())
    workshop.build_error = OSError("away")
    results = await asyncio.gather(*(shared.build("t") for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [OSError] * 3
    workshop.build_error = None
    assert (await shared.build("t")).agent is workshop.agents[0]
    assert (workshop.builds, shared.created) == (2, 1)


async def test_who_gives_up_does_not_end_the_building() -> None:
    """Even if nobody is left waiting: the next one finds it done, and a failure nobody saw is no noise."""
    workshop = Workshop()
    shared = SharedAgent(workshop.kind(), closing=Closing())
    workshop.gate.clear()
    waiting = asyncio.create_task(shared.build("t"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait((waiting,))
    workshop.gate.set()
    await shared.build("t")
    assert workshop.builds == 1


async def test_who_gives_up_takes_nothing_from_the_others() -> None:
    """The building goes on for those who still wait, and is the same one."""
    workshop = Workshop()
    shared = SharedAgent(workshop.kind(), closing=Closing())
    workshop.gate.clear()
    leaving, staying = (asyncio.create_task(shared.build("t")) for _ in range(2))
    for _ in range(2):  # both ask, then the building begins
        await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait((leaving,))
    assert leaving.cancelled()
    workshop.gate.set()
    assert (await staying).agent is workshop.agents[0]
    assert (workshop.builds, shared.created) == (1, 1)


async def test_a_shared_agent_is_never_idle_and_closed_at_the_end() -> None:
    """It costs nothing to keep."""
    workshop, closing = Workshop(), Closing()
    shared = SharedAgent(workshop.kind(), closing=closing)
    held = await shared.build("t")
    shared.give_back(held)
    assert shared.close_idle(float("inf")) == 0
    shared.close()
    await closing.done()
    assert workshop.closed == workshop.agents
    assert shared.count == 0


async def test_the_last_one_returned_is_lent_first() -> None:
    """So the others grow idle."""
    workshop = Workshop()
    lent = LentAgents(workshop.kind(), limit=lambda: 5, closing=Closing())
    one, other = await lent.build("t"), await lent.build("t")
    lent.give_back(one)
    lent.give_back(other)
    assert lent.ready("t") is other
    assert lent.ready("t") is one
    assert lent.ready("t") is None
    assert lent.count == lent.created == 2


async def test_an_agent_never_works_for_another_tenant() -> None:
    """It may carry the first one's state; where there is no more room, it makes way."""
    workshop, closing = Workshop(), Closing()
    lent = LentAgents(workshop.kind(), limit=lambda: 1, closing=closing)
    lent.give_back(await lent.build("acme"))
    assert lent.ready("globex") is None
    await lent.build("globex")
    await closing.done()
    assert workshop.closed == workshop.agents[:1]
    assert lent.count == 1


async def test_one_that_is_not_intact_is_closed() -> None:
    """It is never lent again."""
    workshop, closing = Workshop(), Closing()
    lent = LentAgents(workshop.kind(), limit=lambda: 1, closing=closing)
    held = await lent.build("t")
    held.intact = False
    lent.give_back(held)
    assert lent.ready("t") is None
    await closing.done()
    assert workshop.closed == workshop.agents
    assert lent.count == 0


async def test_idle_ones_are_closed_oldest_first() -> None:
    """Those given back at or before the moment, no other."""
    workshop, closing = Workshop(), Closing()
    lent = LentAgents(workshop.kind(), limit=lambda: 3, closing=closing)
    held = [await lent.build("t") for _ in range(3)]
    for since, each in enumerate(held):
        each.since = since
        lent.give_back(each)
    assert lent.close_idle(1) == 2
    await closing.done()
    assert workshop.closed == workshop.agents[:2]
    lent.close()
    await closing.done()
    assert workshop.closed == workshop.agents


async def test_a_building_that_fails_leaves_no_trace() -> None:
    """Neither counted as there nor as created."""
    workshop = Workshop()
    workshop.build_error = OSError("away")
    lent = LentAgents(workshop.kind(), limit=lambda: 1, closing=Closing())
    with pytest.raises(OSError, match="away"):
        await lent.build("t")
    assert lent.count == lent.created == 0


async def test_failure_mode_open_a_close_that_fails_is_logged_by_kind() -> None:
    """Nobody is left to be told, and the text stays inside."""
    workshop, closing = Workshop(), Closing()
    workshop.close_error = OSError("secret address")
    lent = LentAgents(workshop.kind(), limit=lambda: 1, closing=closing)
    lent.give_back(await lent.build("t"))
    with capture_logs() as logged:
        lent.close()
        await closing.done()
    assert [(line["event"], line["error"]) for line in logged] == [("agent_close_failed", "OSError")]
    assert "secret" not in str(logged)
