"""Pauses between attempts."""

import asyncio
import random
from collections.abc import Callable

import prometheus_client
import pytest
import structlog

from bullpen import errors
from bullpen.errors import BullpenError, ModelBusy, ModelNonsense, ModelRejected, ModelTimeout, ModelUnavailable
from bullpen.resilience import Deadline, Pauses, RetryBudgets, RetryPolicy
from bullpen.resilience.retry import is_transient
from bullpen.telemetry import Metrics
from tests.stubs.clock import StillClock

NAME = "openai:gpt-4o"
QUICK = RetryPolicy(delay=0.0001, delay_max=0.001)


class Scene:
    """The pauses of one call."""

    def __init__(
        self,
        policy: RetryPolicy = QUICK,
        *,
        left: float = 60.0,
        reserve: int = 10,
        may_retry: Callable[[], bool] = lambda: True,
    ) -> None:
        self.clock = StillClock()
        self.metrics = Metrics()
        self.budgets = RetryBudgets(metrics=self.metrics, reserve=reserve)
        self.pauses = Pauses(
            policy,
            name=NAME,
            deadline=Deadline.after(left, clock=self.clock),
            budgets=self.budgets,
            may_retry=may_retry,
        )

    async def fail(self, *failures: Exception) -> int:
        """Fails so, one after the other, and says how many retries there were."""
        for number, failure in enumerate(failures):
            try:
                await self.pauses.after(failure)
            except type(failure) as raised:
                return number if raised is failure else -1
        return len(failures)

    async def begun(self, failure: Exception) -> int:
        """Fails so, and says how many pauses have begun before anything else happens; waits for none."""
        pausing = asyncio.create_task(self.fail(failure))
        await asyncio.sleep(0)
        assert pausing.done() is (self.taken() == 0)
        begun = 0 if pausing.done() else 1
        pausing.cancel()
        return begun

    def retries(self, reason: str) -> float | None:
        labels = {"provider": "openai", "model": "gpt-4o", "reason": reason}
        return self.metrics.registry.get_sample_value("bullpen_model_retries_total", labels)

    def taken(self) -> int:
        """Retries that were taken from the reserve of ten."""
        return 10 - sum(self.budgets.take(NAME) for _ in range(100))


class Carrier(Exception):
    """As the guard's exception carries its failure through Agno."""

    def __init__(self, failure: BullpenError) -> None:
        super().__init__(failure.detail)
        self.failure = failure


def kinds(kind: type[BullpenError] = BullpenError) -> list[type[BullpenError]]:
    below = [each for sub in kind.__subclasses__() if sub.__module__ == errors.__name__ for each in kinds(sub)]
    return [kind, *below]


def test_only_what_may_pass_is_transient() -> None:
    """A deadline, a refusal, a wrong key, an open circuit and defects of ours are not."""
    transient = {kind for kind in kinds() if is_transient(kind("It failed."))}
    assert transient == {ModelUnavailable, ModelBusy, ModelTimeout, ModelNonsense}


async def test_a_failure_that_may_pass_is_paused_after_as_often_as_allowed() -> None:
    """Three retries are four attempts; the failure of the last one is raised, itself."""
    scene = Scene()
    failures = [ModelUnavailable("Down."), ModelTimeout("Slow."), ModelNonsense("?"), ModelUnavailable("Down.")]
    assert await scene.fail(*failures) == 3
    assert scene.taken() == 3


async def test_a_failure_that_stays_is_raised_at_once() -> None:
    """No pause, and nothing is taken from the budget."""
    scene = Scene()
    assert await scene.fail(ModelRejected("Too long.")) == 0
    assert scene.taken() == 0


async def test_a_later_failure_that_stays_ends_it() -> None:
    """Each failure is judged by itself."""
    scene = Scene()
    assert await scene.fail(ModelUnavailable("Down."), ModelRejected("Too long.")) == 1
    assert scene.taken() == 1


async def test_an_exception_is_judged_by_the_failure_it_carries() -> None:
    """And the exception is what is raised."""
    scene = Scene()
    assert await scene.fail(Carrier(ModelUnavailable("Down.")), Carrier(ModelRejected("Too long."))) == 1
    assert await Scene().fail(ValueError("Not ours.")) == 0


async def test_without_retries_the_first_failure_is_raised() -> None:
    """An agent may have none."""
    scene = Scene(RetryPolicy(retries=0))
    assert await scene.fail(ModelUnavailable("Down.")) == 0
    assert scene.taken() == 0


async def test_whoever_calls_may_say_no() -> None:
    """Once a word has reached the caller the call cannot be made again."""
    scene = Scene(may_retry=lambda: False)
    assert await scene.fail(ModelUnavailable("Down.")) == 0
    assert scene.taken() == 0


async def test_without_budget_there_is_no_retry() -> None:
    """Retries must not make an outage worse."""
    scene = Scene(reserve=1)
    assert await scene.fail(ModelUnavailable("Down."), ModelUnavailable("Down.")) == 1


@pytest.mark.parametrize(("left", "retries"), [(2.05, 0), (2.15, 1)])
async def test_no_pause_begins_that_would_not_end_in_time(left: float, retries: int) -> None:
    """The longest it may be, one second and one at random, and a margin to answer in must fit; else it fails now."""
    scene = Scene(RetryPolicy(delay=1.0), left=left)
    assert await scene.begun(ModelUnavailable("Down.")) == retries


@pytest.mark.parametrize(("asked", "retries"), [(29.0, 1), (30.0, 0), (None, 1)])
async def test_a_provider_that_asks_for_more_than_is_left_is_not_waited_for(asked: float | None, retries: int) -> None:
    """Its wish is honoured or the call fails, and at once."""
    scene = Scene(left=30.0)
    assert await scene.begun(ModelBusy("Busy.", retry_after=asked)) == retries


async def test_a_pause_is_as_long_as_the_provider_asks() -> None:
    """Where that is longer than its own; and only a busy provider asks."""
    with structlog.testing.capture_logs() as logs:
        await Scene().fail(ModelBusy("Busy.", retry_after=0.02))
        await Scene().fail(ModelUnavailable("Down.", retry_after=0.02))
    assert logs[0]["wait"] == 0.02
    assert logs[1]["wait"] < 0.001


async def test_pauses_double_and_differ() -> None:
    """From the delay to the longest, with as much as the delay at random on top."""
    random.seed(0)
    policy = RetryPolicy(retries=5, delay=0.001, delay_max=0.01)
    waits: list[list[float]] = []
    for _ in range(10):
        with structlog.testing.capture_logs() as logs:
            await Scene(policy).fail(*[ModelUnavailable("Down.")] * 6)
        waits.append([entry["wait"] for entry in logs])
    for number, (shortest, longest) in enumerate([(1, 2), (2, 3), (4, 5), (8, 9), (10, 10)]):
        at = [each[number] * 1000 for each in waits]
        assert shortest <= min(at) <= max(at) <= longest
    assert len({each[0] for each in waits}) > 1


async def test_each_retry_is_counted_and_logged_once() -> None:
    """With what it followed; nothing of stamina's own is said or counted."""
    scene = Scene()
    with structlog.testing.capture_logs() as logs:
        await scene.fail(ModelUnavailable("Down."), ModelTimeout("Slow."), ModelRejected("Too long."))
    assert [(entry["event"], entry["model"], entry["reason"], entry["number"]) for entry in logs] == [
        ("model_retry", NAME, "model_unavailable", 1),
        ("model_retry", NAME, "model_timeout", 2),
    ]
    assert scene.retries("model_unavailable") == 1
    assert scene.retries("model_timeout") == 1
    assert not [each.name for each in prometheus_client.REGISTRY.collect() if "stamina" in each.name]


async def test_two_calls_are_told_apart() -> None:
    """The library has one set of hooks in a process; each call is counted where it belongs."""
    first, second = Scene(), Scene()
    await asyncio.gather(first.fail(ModelUnavailable("Down.")), second.fail(ModelTimeout("Slow.")))
    assert (first.retries("model_unavailable"), first.retries("model_timeout")) == (1, None)
    assert (second.retries("model_unavailable"), second.retries("model_timeout")) == (None, 1)


async def test_a_pause_is_cancelled_with_its_call() -> None:
    """Whoever hangs up is not waited for."""
    scene = Scene(RetryPolicy(delay=30.0, delay_max=30.0), left=300.0)
    pausing = asyncio.create_task(scene.fail(ModelUnavailable("Down.")))
    await asyncio.sleep(0)
    pausing.cancel()
    async with asyncio.timeout(20):
        with pytest.raises(asyncio.CancelledError):
            await pausing
