"""What is asked for at nearly the same time is done in one go."""

import asyncio
from collections.abc import Sequence

import pytest

from bullpen.gathering import Gathering

LONG = 3600.0


class Work:
    """Doubles numbers, once it is let to; keeps what it was given."""

    def __init__(self, *, error: Exception | None = None) -> None:
        self.given: list[tuple[str, tuple[int, ...]]] = []
        self.go = asyncio.Event()
        self.go.set()
        self.error = error
        self.began = asyncio.Event()
        self.ended = asyncio.Event()

    async def __call__(self, key: str, items: Sequence[int]) -> list[int | Exception]:
        self.given.append((key, tuple(items)))
        self.began.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.ended.set()
            raise
        if self.error is not None:
            raise self.error
        return [ValueError(f"not {each}") if each < 0 else 2 * each for each in items]


async def test_a_full_group_waits_no_longer() -> None:
    """Each of them gets its own result, in one go."""
    work = Work()
    gathering = Gathering(work, size=3, wait=LONG)
    assert await asyncio.gather(*(gathering.ask("a", each) for each in (1, 2, 3))) == [2, 4, 6]
    assert work.given == [("a", (1, 2, 3))]


async def test_the_first_waits_so_long_and_no_longer() -> None:
    """Alone, too; and the next one begins a group of its own."""
    work = Work()
    gathering = Gathering(work, size=3, wait=0.001)
    assert await gathering.ask("a", 1) == 2
    assert await gathering.ask("a", 2) == 4
    assert work.given == [("a", (1,)), ("a", (2,))]


@pytest.mark.parametrize("patiences", [(0.0, LONG), (LONG, 0.0)])
async def test_who_has_no_time_to_wait_for_others_waits_for_none(patiences: tuple[float, float]) -> None:
    """Whether it comes first or later: those who are there by then are served with it."""
    work = Work()
    gathering = Gathering(work, size=3, wait=LONG)
    asked = (gathering.ask("a", each, patience=patience) for each, patience in enumerate(patiences))
    assert await asyncio.gather(*asked) == [0, 2]
    assert work.given == [("a", (0, 1))]


async def test_keys_do_not_mix() -> None:
    """Whatever comes between."""
    work = Work()
    gathering = Gathering(work, size=2, wait=LONG)
    await asyncio.gather(*(gathering.ask(key, each) for key, each in (("a", 1), ("b", 2), ("a", 3), ("b", 4))))
    assert work.given == [("a", (1, 3)), ("b", (2, 4))]


async def test_one_that_went_wrong_is_told_alone() -> None:
    """The others have their results."""
    gathering = Gathering(Work(), size=2, wait=LONG)
    bad, good = await asyncio.gather(gathering.ask("a", -1), gathering.ask("a", 1), return_exceptions=True)
    assert isinstance(bad, ValueError)
    assert good == 2


async def test_work_that_fails_fails_for_all() -> None:
    """Nobody waits for ever."""
    gathering = Gathering(Work(error=OSError("x")), size=2, wait=LONG)
    told = await asyncio.gather(*(gathering.ask("a", each) for each in (1, 2)), return_exceptions=True)
    assert [type(each) for each in told] == [OSError, OSError]


async def test_too_few_results_are_told_to_all() -> None:
    """A defect of the work is no reason to wait for ever."""

    async def short(_key: str, items: Sequence[int]) -> list[int]:
        return [0] * (len(items) - 1)

    gathering = Gathering(short, size=2, wait=LONG)
    told = await asyncio.gather(*(gathering.ask("a", each) for each in (1, 2)), return_exceptions=True)
    assert [type(each) for each in told] == [ValueError, ValueError]


async def test_who_leaves_before_it_begins_is_not_served() -> None:
    """And holds up nobody."""
    work = Work()
    gathering = Gathering(work, size=2, wait=LONG)
    leaving = asyncio.ensure_future(gathering.ask("a", 1))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait((leaving,))
    await asyncio.gather(gathering.ask("a", 2), gathering.ask("a", 3))
    assert work.given == [("a", (2, 3))]


async def test_who_leaves_while_it_goes_on_leaves_the_others() -> None:
    """Their results are made all the same."""
    work = Work()
    work.go.clear()
    gathering = Gathering(work, size=2, wait=LONG)
    leaving, staying = (asyncio.ensure_future(gathering.ask("a", each)) for each in (1, 2))
    await work.began.wait()
    leaving.cancel()
    await asyncio.wait((leaving,))
    work.go.set()
    assert await staying == 4


async def test_when_all_have_left_the_work_ends() -> None:
    """What nobody wants any more costs nothing more."""
    work = Work()
    work.go.clear()
    gathering = Gathering(work, size=2, wait=LONG)
    asking = [asyncio.ensure_future(gathering.ask("a", each)) for each in (1, 2)]
    await work.began.wait()
    for each in asking:
        each.cancel()
    await asyncio.wait(asking)
    await work.ended.wait()


async def test_closing_ends_what_goes_on_and_what_waits() -> None:
    """Nobody is left waiting."""
    work = Work()
    work.go.clear()
    gathering = Gathering(work, size=2, wait=LONG)
    asking = [asyncio.ensure_future(gathering.ask(key, 1)) for key in ("a", "a", "b")]
    await asyncio.sleep(0)
    await gathering.aclose()
    done, _ = await asyncio.wait(asking, timeout=5)
    assert all(each.cancelled() for each in done)
    assert len(done) == 3


async def test_an_empty_group_is_forgotten() -> None:
    """The time of one who left runs out for nobody."""
    work = Work()
    gathering = Gathering(work, size=2, wait=0.001)
    leaving = asyncio.ensure_future(gathering.ask("a", 1))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    await asyncio.sleep(0.01)
    assert await gathering.ask("a", 2) == 4
    assert work.given == [("a", (2,))]


async def test_the_time_of_a_full_group_is_not_the_next_ones() -> None:
    """What was served already is not waited for any more, and nobody who comes later is served early by it."""
    complaints: list[object] = []
    loop, work, over = asyncio.get_running_loop(), Work(), asyncio.Event()
    loop.set_exception_handler(lambda _, complaint: complaints.append(complaint))
    gathering = Gathering(work, size=2, wait=0.01)
    await asyncio.gather(gathering.ask("a", 1), gathering.ask("a", 2))
    loop.call_later(0.01, over.set)  # after the first group's time
    await over.wait()
    assert complaints == []
    assert work.given == [("a", (1, 2))]


async def test_closing_waits_until_the_work_has_ended() -> None:
    """What it works with can be closed afterwards."""
    work = Work()
    work.go.clear()
    gathering = Gathering(work, size=1, wait=LONG)
    asking = asyncio.ensure_future(gathering.ask("a", 1))
    await work.began.wait()
    await gathering.aclose()
    assert work.ended.is_set()
    await asyncio.wait((asking,))
    assert asking.cancelled()
