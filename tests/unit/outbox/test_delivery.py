"""Delivery: goes on, whatever happens."""

import asyncio
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from bullpen.errors import DependencyDown
from bullpen.outbox.delivery import Delivery, by_topic
from tests.stubs.outbox import Hearer, fact


class Rounds:
    """Plays what it is told to, one thing a round, and then has nothing to give."""

    def __init__(self, *plays: int | Exception | Callable[[], object]) -> None:
        self.plays = list(plays)
        self.times: list[float] = []
        self.idle = asyncio.Event()

    async def __call__(self) -> int:
        self.times.append(asyncio.get_running_loop().time())
        if not self.plays:
            self.idle.set()
            return 0
        play = self.plays.pop(0)
        if isinstance(play, Exception):
            raise play
        return play if isinstance(play, int) else await hang()


async def hang() -> int:
    await asyncio.Event().wait()
    return 0


class Running:
    """A delivery of those rounds, until the block ends."""

    def __init__(self, rounds: Rounds, **options: float) -> None:
        self._delivery = Delivery(rounds, name="test", **options)

    async def __aenter__(self) -> Delivery:
        self._delivery.start()
        return self._delivery

    async def __aexit__(self, *_: object) -> None:
        await self._delivery.aclose()


async def test_as_long_as_there_is_something_rounds_go_on() -> None:
    """However long the poll; a batch that was not full is followed a moment later."""
    rounds = Rounds(500, 500, 3)
    async with Running(rounds, poll=3600):
        await asyncio.wait_for(rounds.idle.wait(), 10)
    assert len(rounds.times) == 4


async def test_being_woken_begins_a_round() -> None:
    """Whoever wakes it need not wait for the poll, and `turn` returns when the round is over."""
    rounds = Rounds()
    async with Running(rounds, poll=3600) as delivery:
        await asyncio.wait_for(rounds.idle.wait(), 10)
        before = len(rounds.times)
        await asyncio.wait_for(delivery.turn(), 10)
        assert len(rounds.times) == before + 1


async def test_without_being_woken_it_looks_now_and_then() -> None:
    """What others left is found by polling."""
    rounds = Rounds(0, 0, 0)
    async with Running(rounds, poll=0.01):
        await asyncio.wait_for(rounds.idle.wait(), 10)


async def test_failures_pause_and_go_on() -> None:
    """Failure mode: pauses grow to the longest one, each failure is told, and so is the end of it."""
    errors = (DependencyDown("The database is away."), RuntimeError("a defect"), TimeoutError(), OSError("disk"))
    rounds = Rounds(*errors, 7)
    with capture_logs() as entries:
        async with Running(rounds, longest_pause=0.05, poll=3600):
            await asyncio.wait_for(rounds.idle.wait(), 10)
    told = [entry for entry in entries if entry["event"] == "outbox_not_delivered"]
    assert [entry["failures"] for entry in told] == [1, 2, 3, 4]
    assert [entry["reason"] for entry in told] == ["The database is away.", "RuntimeError", "TimeoutError", "OSError"]
    assert [entry["exc_info"] is None for entry in told] == [True, False, True, False]
    assert [entry["after_failures"] for entry in entries if entry["event"] == "outbox_delivers_again"] == [4]
    pauses = [later - sooner for sooner, later in zip(rounds.times[:4], rounds.times[1:5], strict=True)]
    assert min(pauses) >= 0.02


async def test_a_round_that_hangs_is_given_up() -> None:
    """Failure mode: it counts as failed after its patience, and the next one is tried."""
    rounds = Rounds(hang, 1)
    with capture_logs() as entries:
        async with Running(rounds, patience=0.05):
            await asyncio.wait_for(rounds.idle.wait(), 10)
    assert entries[0]["reason"] == "TimeoutError"


async def test_closing_ends_a_round_that_turns_cancellation_into_something_else() -> None:
    """A transaction whose connection broke raises its own error when it is cancelled; closing is not held by it."""
    begun = asyncio.Event()

    async def stubborn() -> int:
        begun.set()
        try:
            return await hang()
        except asyncio.CancelledError:
            raise DependencyDown("connection lost") from None

    delivery = Delivery(stubborn, name="test")
    delivery.start()
    await begun.wait()
    with capture_logs():
        await asyncio.wait_for(delivery.aclose(), 4)


async def test_a_consumer_is_given_its_own_topics() -> None:
    """In order within a topic, topics in the order they appear; one that raises stops those after it."""
    one, two = Hearer(), Hearer()
    hand = by_topic({"one": one, "two": two})
    await hand([fact("a", topic="two"), fact("b", topic="one"), fact("c", topic="two")])
    assert (one.batches, two.batches) == ([["b"]], [["a", "c"]])
    one.refusing = True
    with pytest.raises(RuntimeError):
        await hand([fact("d", topic="one"), fact("e", topic="two")])
    assert two.batches == [["a", "c"]]
