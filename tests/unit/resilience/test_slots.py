"""The slots of one model."""

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bullpen.errors import ModelBusy
from bullpen.resilience.gradient import AdaptivePolicy, Gradient
from bullpen.resilience.slots import Slot, Slots
from bullpen.telemetry import Metrics
from tests.stubs.clock import StillClock

METRICS = Metrics()
LIMIT = 2


class Scene:
    """Slots of a model with a limit of two, and tasks that want one, in the order they came."""

    def __init__(self, *, start: int = LIMIT) -> None:
        self.clock = StillClock()
        policy = AdaptivePolicy(floor=1, start=start, ceiling=start)
        gradient = Gradient(policy, clock=self.clock)
        self.slots = Slots("openai:gpt-4o", gradient=gradient, metrics=METRICS, clock=self.clock)
        self.tasks: list[asyncio.Task[None]] = []
        self.granted: list[int] = []
        self.waited: list[int] = []
        self.held: dict[int, Slot] = {}

    def want(self, *, patience: float = 60.0) -> None:
        self.tasks.append(asyncio.create_task(self._want(len(self.tasks), patience)))

    def leave(self, nth: int = 0) -> None:
        """Gives back the slot of the `nth` of those who have one."""
        if self.held:
            key = list(self.held)[nth % len(self.held)]
            self.held.pop(key).leave("neutral", latency=0.0)

    def cancel(self, nth: int) -> None:
        waiting = [task for task in self.tasks if not task.done()]
        if waiting:
            waiting[nth % len(waiting)].cancel()

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def _want(self, number: int, patience: float) -> None:
        slot = self.slots.take()
        if slot is None:
            slot = await self.slots.wait(patience=patience)
            self.waited.append(number)
        self.granted.append(number)
        self.held[number] = slot


async def test_a_free_slot_is_taken_at_once() -> None:
    """Nobody waits while there is room."""
    scene = Scene()
    assert scene.slots.take() is not None
    assert scene.slots.take() is not None
    assert scene.slots.take() is None
    assert scene.slots.in_flight == 2


async def test_a_slot_is_left_once() -> None:
    """Leaving it again does not make room that is not there."""
    scene = Scene()
    slot = scene.slots.take()
    assert slot is not None
    slot.leave("success", latency=1.0)
    slot.leave("success", latency=1.0)
    assert scene.slots.in_flight == 0


async def test_a_freed_slot_goes_to_who_waits_longest() -> None:
    """First come, first served, and nobody who comes now is before them."""
    scene = Scene()
    for _ in range(5):
        scene.want()
    await scene.settle()
    assert scene.slots.waiting == 3
    scene.leave()
    assert scene.slots.take() is None
    await scene.settle()
    scene.leave()
    await scene.settle()
    assert scene.granted == [0, 1, 2, 3]


async def test_patience_ends() -> None:
    """Who gets no slot in time is told when to come again, and does not stand in the line any more."""
    scene = Scene()
    scene.want()
    scene.want()
    await scene.settle()
    with pytest.raises(ModelBusy, match=r"2 calls under way.*Try again in 1 s") as caught:
        await scene.slots.wait(patience=0.01)
    assert caught.value.retry_after == 1
    assert scene.slots.waiting == 0
    with pytest.raises(ModelBusy):
        await scene.slots.wait(patience=0.0)


async def test_when_to_come_again_is_counted_from_the_line() -> None:
    """So many before you, so long a call, so many at a time."""
    scene = Scene()
    first, _ = scene.slots.take(), scene.slots.take()
    assert first is not None
    first.leave("success", latency=10.0)
    for _ in range(4):
        scene.want()
    await scene.settle()
    with pytest.raises(ModelBusy) as caught:
        await scene.slots.wait(patience=0.01)
    assert caught.value.retry_after == 20
    for task in scene.tasks:
        task.cancel()


async def test_a_cancelled_task_passes_its_slot_on() -> None:
    """Granted and cancelled in one moment: the next in line gets it."""
    scene = Scene(start=1)
    for _ in range(3):
        scene.want()
    await scene.settle()
    scene.leave()
    scene.tasks[1].cancel()
    await scene.settle()
    assert scene.granted == [0, 2]
    assert scene.slots.in_flight == 1


async def test_nobody_enters_while_the_model_rests() -> None:
    """And who waited for its end gets in then, in order."""
    scene = Scene()
    assert scene.slots.rest(0.05)
    assert scene.slots.take() is None
    scene.want()
    scene.want()
    scene.want()
    await scene.settle()
    assert scene.granted == []
    scene.clock.pass_time(0.05)
    await asyncio.wait_for(asyncio.gather(*scene.tasks[:2]), 10)
    assert scene.granted == [0, 1]
    assert scene.slots.resting() == 0
    scene.tasks[2].cancel()


async def test_a_rest_that_lasts_longer_than_ones_patience_is_told_at_once() -> None:
    """Another model may have time now."""
    scene = Scene()
    scene.slots.rest(30.0)
    scene.clock.pass_time(10.0)
    async with asyncio.timeout(5):
        with pytest.raises(ModelBusy, match=r"asked for a rest\. Try again in 20 s") as caught:
            await scene.slots.wait(patience=19.0)
    assert caught.value.retry_after == pytest.approx(20)


async def test_a_rest_sends_those_away_who_cannot_wait_for_its_end() -> None:
    """Those in the line are told when it begins, and when it gets much longer; the others stay."""
    scene = Scene()
    scene.slots.take()
    scene.slots.take()
    for patience in (5.0, 60.0, 20.0):
        scene.want(patience=patience)
    await scene.settle()
    scene.slots.rest(10.0)
    await scene.settle()
    assert [task.done() for task in scene.tasks] == [True, False, False]
    scene.slots.rest(30.0)
    await scene.settle()
    assert [task.done() for task in scene.tasks] == [True, False, True]
    assert isinstance(scene.tasks[0].exception(), ModelBusy)
    assert isinstance(scene.tasks[2].exception(), ModelBusy)
    scene.tasks[1].cancel()


async def test_a_rest_is_only_ever_made_longer() -> None:
    """Of several refusals the one that asks for most counts, and all of them are one rest."""
    scene = Scene()
    assert not scene.slots.rest(0.0)
    assert scene.slots.rest(30.0)
    assert not scene.slots.rest(10.0)
    assert not scene.slots.rest(40.0)
    assert not scene.slots.rest(0.0)
    assert scene.slots.resting() == pytest.approx(40)
    scene.clock.pass_time(40.0)
    assert scene.slots.rest(1.0)


async def test_a_slot_freed_during_a_rest_lets_nobody_in() -> None:
    """The rest is the provider's; that there is room now does not matter."""
    scene = Scene(start=1)
    scene.want()
    scene.want()
    await scene.settle()
    scene.slots.rest(30.0)
    scene.leave()
    await scene.settle()
    assert scene.granted == [0]
    assert scene.slots.in_flight == 0
    scene.tasks[1].cancel()


async def test_who_waited_through_a_rest_is_before_who_comes_at_its_end() -> None:
    """Though there is room, and nobody has looked yet."""
    scene = Scene()
    scene.slots.rest(30.0)
    scene.want()
    await scene.settle()
    scene.clock.pass_time(30.0)
    assert scene.slots.take() is None
    scene.tasks[0].cancel()


async def test_a_line_that_was_there_before_a_rest_is_served_after_it() -> None:
    """Though every slot came back during the rest, and nothing else happens at its end."""
    scene = Scene(start=1)
    scene.want()
    scene.want()
    await scene.settle()
    scene.slots.rest(0.01)
    scene.leave()
    scene.clock.pass_time(0.01)
    await asyncio.wait_for(scene.tasks[1], 10)
    assert scene.granted == [0, 1]


async def test_a_rest_made_longer_is_waited_for_to_its_new_end() -> None:
    """The end that was first thought of lets nobody in, and is not the last look."""
    scene = Scene()
    scene.slots.rest(0.01)
    scene.want()
    await scene.settle()
    scene.slots.rest(0.1)
    await asyncio.wait(scene.tasks, timeout=0.05)
    assert scene.granted == []
    scene.clock.pass_time(0.1)
    await asyncio.wait_for(scene.tasks[0], 10)


async def test_who_is_sent_away_and_cancelled_at_once_had_no_slot() -> None:
    """There is nothing to pass on."""
    scene = Scene()
    scene.slots.take()
    scene.slots.take()
    scene.want(patience=5.0)
    await scene.settle()
    scene.slots.rest(10.0)
    scene.tasks[0].cancel()
    await scene.settle()
    assert scene.tasks[0].cancelled()
    assert scene.slots.in_flight == 2


STEPS = st.lists(
    st.tuples(st.sampled_from(["want", "leave", "cancel", "settle", "rest", "later"]), st.integers(0, 5)), max_size=60
)


@given(steps=STEPS, rests=st.booleans())
@settings(deadline=None)
def test_slots_are_never_lost_nor_lent_twice(steps: list[tuple[str, int]], rests: bool) -> None:
    """Whoever comes, leaves and is cancelled, and in whatever moment.

    Never more are out than the limit; those who wait are served in the order of coming; without rests nobody waits
    while there is room; and when all have gone all slots are there.
    """
    asyncio.run(_play(steps, rests=rests))


async def _play(steps: list[tuple[str, int]], *, rests: bool) -> None:
    scene = Scene()
    for step, number in steps:
        match step:
            case "want":
                scene.want()
            case "leave":
                scene.leave(number)
            case "cancel":
                scene.cancel(number)
            case "rest" if rests:
                scene.slots.rest(1.0)
            case "later":
                scene.clock.pass_time(1.0)
            case _:
                await scene.settle()
                assert rests or not scene.slots.waiting or scene.slots.in_flight == LIMIT
        assert scene.slots.in_flight <= LIMIT
    assert scene.waited == sorted(scene.waited)
    await _end(scene)


async def _end(scene: Scene) -> None:
    for task in scene.tasks:
        task.cancel()
    for task in scene.tasks:
        with suppress(asyncio.CancelledError):
            await task
    while scene.held:
        scene.leave()
    assert scene.slots.in_flight == 0
    assert scene.slots.waiting == 0
