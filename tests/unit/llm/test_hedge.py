"""A second call beside one that takes too long."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from bullpen.llm.hedge import hedged

NOW = 0.001
NEVER = 3600.0


class Calls:
    """Calls whose first word is held back until `release[number]` is set, or which fail with `failures[number]`.

    `before` is a piece that comes before it.
    """

    def __init__(self, *, before: str | None = None, **failures: Exception) -> None:
        self.before = before
        self.begun: list[int] = []
        self.closed: list[int] = []
        self.release = (asyncio.Event(), asyncio.Event())
        self.both = asyncio.Event()
        self.failed = asyncio.Event()
        self.failures: dict[str, Exception] = failures

    async def begin(self, number: int) -> AsyncGenerator[str]:
        self.begun.append(number)
        if number == 1:
            self.both.set()
        try:
            if self.before is not None:
                yield self.before
            await self.release[number].wait()
            if failure := self.failures.get(f"of_{number}"):
                self.failed.set()
                raise failure
            yield f"{number} first"
            yield f"{number} second"
        finally:
            self.closed.append(number)


async def told(calls: Calls, *, after: float = NOW, allowed: bool = True) -> list[str]:
    return [piece async for piece in hedged(calls.begin, after=after, may_hedge=lambda: allowed, speaks=bool)]


async def test_a_quick_call_is_alone() -> None:
    """Nothing is called twice that answers in time."""
    calls = Calls()
    calls.release[0].set()
    assert await told(calls, after=NEVER) == ["0 first", "0 second"]
    assert calls.begun == [0]


@pytest.mark.parametrize("winner", [0, 1])
async def test_whichever_speaks_first_is_the_answer(winner: int) -> None:
    """And the other one is hung up on, before a word of the answer is handed on."""
    calls = Calls()
    pieces = hedged(calls.begin, after=NOW, may_hedge=lambda: True, speaks=bool)
    async with aclosing(pieces):
        first = asyncio.ensure_future(anext(pieces))
        await calls.both.wait()
        calls.release[winner].set()
        assert await first == f"{winner} first"
        assert calls.closed == [1 - winner]
        assert [piece async for piece in pieces] == [f"{winner} second"]


async def test_what_has_no_word_in_it_does_not_win() -> None:
    """Most streams begin with a piece that says only who speaks; with the words, it is handed on."""
    calls = Calls(before="")
    asking = asyncio.ensure_future(told(calls))
    await calls.both.wait()
    calls.release[1].set()
    assert await asking == ["", "1 first", "1 second"]


async def test_who_may_not_hedge_waits() -> None:
    """Second calls are paid for out of the budget of retries."""
    calls = Calls()
    asking = asyncio.ensure_future(told(calls, allowed=False))
    await asyncio.sleep(0.01)
    calls.release[0].set()
    assert await asking == ["0 first", "0 second"]
    assert calls.begun == [0]


@pytest.mark.parametrize("failing", [0, 1])
async def test_a_failure_is_made_good_by_the_other(failing: int) -> None:
    """The one that failed first does not end the one that still works."""
    calls = Calls()
    calls.failures[f"of_{failing}"] = ConnectionResetError()
    asking = asyncio.ensure_future(told(calls))
    await calls.both.wait()
    calls.release[failing].set()
    await calls.failed.wait()
    calls.release[1 - failing].set()
    assert await asking == [f"{1 - failing} first", f"{1 - failing} second"]


async def test_when_neither_speaks_the_firsts_failure_is_told() -> None:
    """It is the one that was asked for."""
    calls = Calls(of_0=ConnectionResetError("first"), of_1=ConnectionAbortedError("second"))
    for each in calls.release:
        each.set()
    with pytest.raises(ConnectionResetError):
        await told(calls)


async def test_a_caller_who_leaves_twice_ends_both() -> None:
    """Hanging up on one does not keep the other open, though the caller does not even wait for that."""
    calls = Calls()
    asking = asyncio.ensure_future(told(calls))
    await calls.both.wait()
    asking.cancel()
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait([asking])
    await asyncio.sleep(0)
    assert asking.cancelled()
    assert sorted(calls.closed) == [0, 1]


async def test_a_caller_who_leaves_ends_both() -> None:
    """Before a word."""
    calls = Calls()
    asking = asyncio.ensure_future(told(calls))
    await calls.both.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert sorted(calls.closed) == [0, 1]


async def test_a_caller_who_leaves_in_the_middle_hangs_up_on_the_winner() -> None:
    """A stream nobody reads goes on costing money."""
    calls = Calls()
    calls.release[0].set()
    pieces = hedged(calls.begin, after=NEVER, may_hedge=lambda: True, speaks=bool)
    async with aclosing(pieces):
        assert await anext(pieces) == "0 first"
        assert calls.closed == []
    assert calls.closed == [0]


async def test_of_two_that_speak_at_once_one_is_hung_up_on() -> None:
    """Also when it has spoken already."""
    calls = Calls()
    pieces = hedged(calls.begin, after=NOW, may_hedge=lambda: True, speaks=bool)
    async with aclosing(pieces):
        first = asyncio.ensure_future(anext(pieces))
        await calls.both.wait()
        for each in calls.release:
            each.set()
        assert await first == "0 first"
        assert calls.closed == [1]
