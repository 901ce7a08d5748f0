"""Groups: one commit for all who wait."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from bullpen.errors import DependencyDown
from bullpen.outbox.groups import Groups
from bullpen.telemetry import Metrics


class Slow:
    """A commit that ends when it is let."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.begun = asyncio.Event()
        self.let = asyncio.Event()
        self.error: BaseException | None = None

    async def commit(self, items: Sequence[int]) -> None:
        self.groups.append(list(items))
        self.begun.set()
        await self.let.wait()
        if self.error:
            raise self.error


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def groups(slow: Slow, metrics: Metrics) -> AsyncIterator[Groups[int]]:
    groups = Groups(slow.commit, metrics=metrics, most=5)
    groups.start()
    yield groups
    slow.let.set()
    await groups.aclose()


async def joined(groups: Groups[int], slow: Slow, *, first: int, then: range) -> list[asyncio.Task[None]]:
    """One whose commit is under way, and others that wait."""
    tasks = [asyncio.create_task(groups.join(first))]
    await slow.begun.wait()
    tasks += [asyncio.create_task(groups.join(item)) for item in then]
    await asyncio.sleep(0)
    return tasks


async def test_those_who_wait_share_the_next_commit(groups: Groups[int], slow: Slow, metrics: Metrics) -> None:
    """One at a time, in order, at most so many together; each commit is measured once."""
    tasks = await joined(groups, slow, first=0, then=range(1, 9))
    assert slow.groups == [[0]]
    slow.let.set()
    await asyncio.gather(*tasks)
    assert slow.groups == [[0], [1, 2, 3, 4, 5], [6, 7, 8]]
    assert metrics.registry.get_sample_value("bullpen_audit_commit_seconds_count") == 3


async def test_nobody_returns_before_the_commit(groups: Groups[int], slow: Slow) -> None:
    """An answer waits for the commit its fact is in."""
    tasks = await joined(groups, slow, first=0, then=range(1, 2))
    assert not any(task.done() for task in tasks)
    slow.let.set()
    await asyncio.gather(*tasks)


@pytest.mark.parametrize(
    ("error", "said"),
    [(DependencyDown("The disk is full."), "disk is full"), (RuntimeError("secret"), "not be recorded")],
)
async def test_a_commit_that_fails_fails_for_each(groups: Groups[int], slow: Slow, error: Exception, said: str) -> None:
    """Failure mode: everyone in it is told, a defect in words of ours, and the next commit is tried."""
    slow.error = error
    tasks = await joined(groups, slow, first=0, then=range(1, 3))
    slow.let.set()
    failed = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in failed] == [DependencyDown] * 3
    assert all(said in str(each) for each in failed)
    slow.error = None
    await groups.join(9)


async def test_one_who_leaves_disturbs_nobody(groups: Groups[int], slow: Slow) -> None:
    """Being cancelled takes nothing back and harms no other."""
    tasks = await joined(groups, slow, first=0, then=range(1, 4))
    tasks[2].cancel()
    slow.let.set()
    await asyncio.gather(tasks[0], tasks[1], tasks[3])
    assert slow.groups == [[0], [1, 2, 3]]


async def test_closing_commits_those_who_wait_and_takes_no_more(groups: Groups[int], slow: Slow) -> None:
    """Nobody is left without an answer."""
    tasks = await joined(groups, slow, first=0, then=range(1, 9))
    slow.let.set()
    await groups.aclose()
    await asyncio.gather(*tasks)
    with pytest.raises(DependencyDown, match="stopping"):
        await groups.join(9)


async def test_a_commit_that_cancels_itself_has_failed(groups: Groups[int], slow: Slow) -> None:
    """Some libraries give up by a cancellation that nobody asked for. The next group is committed all the same."""
    slow.error = asyncio.CancelledError()
    slow.let.set()
    with pytest.raises(DependencyDown):
        await asyncio.wait_for(groups.join(1), 5)
    slow.error = None
    await asyncio.wait_for(groups.join(2), 5)
    assert slow.groups == [[1], [2]]


async def test_a_loop_that_ends_ends_the_commits(slow: Slow) -> None:
    """Somebody who cancels every task is not waited for in vain."""
    groups = Groups(slow.commit, metrics=Metrics())
    groups.start()
    (task,) = (each for each in asyncio.all_tasks() if each.get_name() == "outbox-commit")
    joining = asyncio.create_task(groups.join(1))
    await slow.begun.wait()
    task.cancel()
    joining.cancel()
    done, _ = await asyncio.wait((task, joining), timeout=5)
    assert done == {task, joining}
