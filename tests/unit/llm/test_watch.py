"""One timer for all that a call waits for, and no cancellation but its own taken for a timeout."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVarTuple

import pytest

from bullpen.llm.watch import Watch
from tests.stubs.clock import StillClock

Ts = TypeVarTuple("Ts")


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose clock goes only when told to, and which keeps the timers it was asked for."""

    def __init__(self) -> None:
        self.clock = StillClock(1000.0)
        self.timers: list[asyncio.TimerHandle] = []
        super().__init__()

    def time(self) -> float:
        return self.clock.monotonic()

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        self.timers.append(super().call_at(when, callback, *args, context=context))
        return self.timers[-1]

    async def pass_time(self, seconds: float) -> None:
        self.clock.pass_time(seconds)
        await steps()


async def steps() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def on_still_time(story: Callable[[Loop], Coroutine[Any, Any, None]]) -> None:
    loop = Loop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(story(loop))


async def bounded(watch: Watch, until: float) -> None:
    with watch.until(until):
        await asyncio.Event().wait()


def test_what_is_late_is_a_timeout() -> None:
    """The task is told so at its end, no moment sooner, and nobody takes it for cancelled afterwards."""

    async def story(loop: Loop) -> None:
        watch = Watch()
        waiting = asyncio.create_task(bounded(watch, 1010))
        await loop.pass_time(9)
        assert not waiting.done()
        await loop.pass_time(1)
        assert isinstance(waiting.exception(), TimeoutError)
        assert watch.expired
        assert waiting.cancelling() == 0

    on_still_time(story)


def test_the_block_after_a_late_one_has_its_own_time() -> None:
    """And what comes in it in time is not late."""

    async def story(loop: Loop) -> None:
        watch = Watch()
        loop.clock.pass_time(1)
        with pytest.raises(TimeoutError):
            await bounded(watch, 1000)
        with watch.until(1010):
            await steps()
        assert not watch.expired

    on_still_time(story)


@pytest.mark.parametrize(("first", "second"), [(1010, 1020), (1020, 1010)], ids=["later", "sooner"])
def test_each_block_has_an_end_of_its_own(first: float, second: float) -> None:
    """The end of the one before it does not hold any more, whichever is nearer."""

    async def story(loop: Loop) -> None:
        watch = Watch()
        with watch.until(first):
            await steps()
        waiting = asyncio.create_task(bounded(watch, second))
        await loop.pass_time(second - 1001)
        assert not waiting.done()
        await loop.pass_time(1)
        assert isinstance(waiting.exception(), TimeoutError)

    on_still_time(story)


def test_many_blocks_take_one_timer() -> None:
    """As long as no end comes nearer; and none goes on when it is stopped."""

    async def story(loop: Loop) -> None:
        watch = Watch()
        for number in range(100):
            with watch.until(1010 + number):
                await asyncio.sleep(0)
        assert len(loop.timers) == 1
        watch.stop()
        assert loop.timers[0].cancelled()
        watch.stop()

    on_still_time(story)


def test_nobody_is_late_between_two_blocks() -> None:
    """However long whoever reads takes for it: that is not the provider's time."""

    async def story(loop: Loop) -> None:
        watch = Watch()
        with watch.until(1010):
            await asyncio.sleep(0)
        await loop.pass_time(100)
        with watch.until(1110):
            await steps()
        assert not watch.expired

    on_still_time(story)


def test_each_block_may_be_another_tasks() -> None:
    """Who waits now is told, and not who waited before: a hedged call draws its pieces in tasks of their own."""

    async def first(watch: Watch) -> None:
        with watch.until(1010):
            await asyncio.sleep(0)
        await asyncio.Event().wait()

    async def story(loop: Loop) -> None:
        watch = Watch()
        before = asyncio.create_task(first(watch))
        await steps()
        now = asyncio.create_task(bounded(watch, 1010))
        await loop.pass_time(10)
        assert isinstance(now.exception(), TimeoutError)
        assert before.cancelling() == 0
        before.cancel()
        await asyncio.wait([before])

    on_still_time(story)


def test_another_ones_cancellation_passes_through() -> None:
    """It is not a timeout."""

    async def story(_: Loop) -> None:
        watch = Watch()
        waiting = asyncio.create_task(bounded(watch, 1010))
        await steps()
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert not watch.expired

    on_still_time(story)


@pytest.mark.parametrize("theirs_first", [True, False])
def test_a_cancellation_beside_a_timeout_is_a_cancellation(*, theirs_first: bool) -> None:
    """Who was cancelled must end, whatever the time."""

    async def story(loop: Loop) -> None:
        waiting = asyncio.create_task(bounded(Watch(), 1010))
        await steps()
        if theirs_first:
            waiting.cancel()
            loop.clock.pass_time(11)
        else:
            loop.clock.pass_time(11)
            loop.call_soon(waiting.cancel)
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert waiting.cancelling() == 1

    on_still_time(story)


async def swallowing(watch: Watch, *, until: float) -> int:
    with watch.until(until):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
    task = asyncio.current_task()
    return task.cancelling() if task else -1


def test_a_timeout_that_is_swallowed_leaves_no_cancellation() -> None:
    """What was waited for may not let itself be ended: it was late all the same, and the task is not to end for it."""

    async def story(loop: Loop) -> None:
        watch = Watch()
        waiting = asyncio.create_task(swallowing(watch, until=1010))
        await loop.pass_time(10)
        assert await waiting == 0
        assert watch.expired

    on_still_time(story)


def test_other_exceptions_pass_through() -> None:
    """And are no timeout."""

    async def story(_: Loop) -> None:
        watch = Watch()
        with pytest.raises(ValueError, match="its own"), watch.until(1010):
            raise ValueError("its own")
        assert not watch.expired

    on_still_time(story)


async def test_only_a_task_can_be_bounded() -> None:
    """Nothing else can be cancelled."""
    watch, refused = Watch(), asyncio.get_running_loop().create_future()

    def enter() -> None:
        with pytest.raises(RuntimeError), watch.until(0):
            pass
        refused.set_result(None)

    asyncio.get_running_loop().call_soon(enter)
    await refused
