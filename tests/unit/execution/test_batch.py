"""A batch: every item on its own, in order, a few at a time."""

import asyncio
from pathlib import Path

import pytest

from bullpen.errors import BullpenError, InvalidRequest, UnknownAgent
from bullpen.execution import Batch
from bullpen.messages import Answer, Request
from tests.stubs.house import ANN, house, soon
from tests.stubs.scripted import Hang, ScriptedModel


async def test_results_keep_the_order_and_errors_stay_their_items_own(tmp_path: Path) -> None:
    """A wrong item, an unknown agent and a good item come back in their places."""
    wrong = InvalidRequest("task: must not be blank")
    items: list[Request | BullpenError] = [
        wrong,
        Request(agent_type="nobody", task="x"),
        Request(agent_type="actor", task="x"),
    ]
    async with house(tmp_path, ScriptedModel(turns=["hello"])) as works:
        results = await Batch(works.execution, concurrency=2).execute(items, ANN, deadline=soon())
    assert results[0] is wrong
    assert isinstance(results[1], UnknownAgent)
    assert isinstance(results[2], Answer)
    assert results[2].result == "hello"


async def test_only_so_many_items_run_at_once(tmp_path: Path) -> None:
    """With a concurrency of two, the third item begins when one of the first two has ended."""
    first, second, third = Hang(), Hang(), Hang()
    async with house(tmp_path, ScriptedModel(turns=[first, second, third])) as works:
        items = [Request(agent_type="actor", task=str(n)) for n in range(3)]
        batch = asyncio.create_task(Batch(works.execution, concurrency=2).execute(items, ANN, deadline=soon()))
        await first.started.wait()
        await second.started.wait()
        assert not third.started.is_set()
        first.release.set()
        await third.started.wait()
        second.release.set()
        third.release.set()
        assert len(await batch) == 3


async def test_cancelling_a_batch_cancels_its_items(tmp_path: Path) -> None:
    """Nothing of a batch goes on after its caller has left."""
    hang = Hang()
    async with house(tmp_path, ScriptedModel(turns=[hang]), max_concurrent_agents=1) as works:
        items = [Request(agent_type="actor", task="x")]
        batch = asyncio.create_task(Batch(works.execution, concurrency=1).execute(items, ANN, deadline=soon()))
        await hang.started.wait()
        batch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await batch
        assert works.pool.statistics()["agent_types"]["actor"]["active"] == 0
