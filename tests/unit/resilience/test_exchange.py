"""What is told and heard, without a Redis; tests/contract has the rest."""

import asyncio
from typing import Any, cast

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from bullpen.errors import DependencyDown
from bullpen.resilience.breaker import BreakerPolicy, Report
from bullpen.resilience.exchange import PREFIX, Exchange, News, Reports
from tests.stubs.breakers import Absent, said
from tests.stubs.limits import until


class Scripted:
    """A client that answers what it was given, each at its own time."""

    def __init__(self, *answers: list[Any]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[Any, ...]] = []
        self.gates = [asyncio.Event() for _ in answers]

    async def evalsha(self, *_: Any) -> list[Any]:
        raise NoScriptError

    async def eval(self, _: str, *arguments: Any) -> list[Any]:
        self.asked.append(arguments)
        turn = len(self.asked) - 1
        await self.gates[turn].wait()
        return self.answers[turn]


def exchange(client: object, heard: list[Reports], late: list[DependencyDown], *, patience: float = 30) -> Exchange:
    return Exchange(cast("Redis", client), BreakerPolicy(), patience=patience, hear=heard.append, late=late.append)


async def test_what_is_told_and_what_is_heard() -> None:
    """Keys with the tag, times in milliseconds; and reports in seconds."""
    client, heard = Scripted([1, b"openai:gpt-4o", 1500, 2, b"probe", 250]), list[Reports]()
    client.gates[0].set()
    assert await exchange(client, heard, []).tell(News(name="openai:gpt-4o", failures=3))
    assert heard == [{"openai:gpt-4o": Report(opened_for=1.5, successes=2, probe="probe", lease=0.25)}]
    [(keys, *asked)] = client.asked
    assert asked[:keys] == [f"{PREFIX}circuits", f"{PREFIX}mark", f"{PREFIX}window:openai:gpt-4o"]
    assert asked[keys:] == [5, 0.5, 30000, 1000, 60000, 3, 60000, "openai:gpt-4o", 0, 3, "", "neutral", ""]


async def test_an_older_answer_is_not_heard_after_a_newer_one() -> None:
    """They come over several connections; what was true before must not win."""
    client, heard = Scripted([0, b"a:b", 0, 0, b"", 0], [0]), list[Reports]()
    told = exchange(client, heard, [])
    older, newer = asyncio.create_task(told.tell()), asyncio.create_task(told.tell())
    await until(lambda: said(len(client.asked) == 2))
    client.gates[1].set()
    await newer
    client.gates[0].set()
    await older
    assert heard == [{}]


async def test_a_redis_that_fails_is_said_to_be_away() -> None:
    """By our own error; nothing was heard, and nobody waited."""
    heard, late = list[Reports](), list[DependencyDown]()
    with pytest.raises(DependencyDown):
        await exchange(Absent(), heard, late).tell()
    assert (heard, late) == ([], [])


async def test_a_redis_that_does_not_answer_is_left() -> None:
    """Though the client does not heed being cancelled."""
    absent, late = Absent(), list[DependencyDown]()
    absent.mood = "silent"
    with pytest.raises(DependencyDown):
        await exchange(absent, [], late, patience=0.01).tell()
    assert len(late) == 1
    absent.over.set()


async def test_a_late_answer_is_heard_by_who_waits_longer() -> None:
    """It is late, and said to be, and yet an answer."""
    client, heard, late = Scripted([0]), list[Reports](), list[DependencyDown]()
    told = exchange(client, heard, late, patience=0.01)
    telling = asyncio.create_task(told.tell(latest=30))
    await until(lambda: said(bool(late)))
    client.gates[0].set()
    assert not await telling
    assert heard == [{}]


async def test_closing_ends_what_is_still_asked() -> None:
    """Who left it did not wait for its end; whoever closes the client afterwards must."""
    client = Scripted([0])
    told = exchange(client, [], [], patience=0.01)
    before = asyncio.all_tasks()
    with pytest.raises(DependencyDown):
        await told.tell()
    await told.aclose()
    assert asyncio.all_tasks() == before


def test_the_prefix_has_the_tag() -> None:
    """The first braces of a key decide its shard, and they are ours."""
    assert PREFIX.index("{breakers}") == PREFIX.index("{")
