"""More work than there are lanes: from everybody, and from one tenant."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.chaos.course import expect_all_freed
from tests.chaos.finding import Finding, p99, within
from tests.chaos.house import House, Size, agent, opened
from tests.chaos.judgement import PATIENCE, Result
from tests.chaos.load import Stream

__all__ = ["noisy", "overloaded", "small_house"]

_LANES: Final = 100
_GOODPUT: Final = 0.9
_GROWTH: Final = 0.05
_GROWTH_LEAST: Final = 8.0  # MB: what an allocator keeps
_GROWTH_SHORT: Final = 40.0  # MB, of a server that has hardly begun
_UNMOVED: Final = 1.2
_QUIET: Final = 4
_LOUDER: Final = 10
# Until the lanes a burst took at one moment are given back at many; a part of the short form.
_MIXING: Final = 6.0


@contextmanager
def small_house(folder: Path, size: Size) -> Iterator[House]:
    """A house with 100 lanes (scaled): `steady` keeps one for 500 ms, `varied` for 400 to 600."""
    agents = [
        agent("steady", model="openai:stub-slow-500ms-steady"),
        agent("varied", model="openai:stub-slow-400-600ms"),
    ]
    lanes = {"MAX_CONCURRENT_AGENTS": str(round(_LANES * size.scale))}
    with opened(folder, size, agents=agents, settings=lanes) as house:
        yield house


async def overloaded(house: House, name: str = "overload") -> Finding:
    """Five times as much as there are lanes for, for a minute: those let in are served, the others told when to come.

    Goodput is counted over the whole time, its beginning included.
    """
    capacity = round(_LANES * house.size.scale) / 0.5
    seconds = 60 * house.size.scale if house.size.full else 3.0
    ask = house.ask("steady", rate=5 * capacity, timeout=2.0)
    async with house.load().going(ask) as (stream,):
        began = time.monotonic()
        await asyncio.sleep(seconds / 3)
        before = await asyncio.to_thread(house.memory)
        await asyncio.sleep(seconds * 2 / 3)
        after = await asyncio.to_thread(house.memory)
    finding = Finding(name=name, results=within(stream.results, began))
    goodput = finding.count("answered") / seconds
    finding.facts.append(f"goodput {goodput:.0f}/s of {capacity:.0f}/s, {before:.0f} MB then {after:.0f} MB")
    finding.expect_no_broken_promise()
    finding.expect(goodput >= _GOODPUT * capacity, f"goodput under {_GOODPUT:.0%} of {capacity:.0f}/s")
    finding.expect(
        p99(finding.results) <= ask.timeout + PATIENCE + ask.slack, "those let in are not served by their deadline"
    )
    growth = max(_GROWTH * before, _GROWTH_LEAST) if house.size.full else _GROWTH_SHORT
    finding.expect(after - before <= growth, "memory grew")
    await expect_all_freed(finding, house, "steady", model="stub-slow-500ms-steady")
    return finding


async def noisy(house: House, name: str = "noisy") -> Finding:
    """One of five tenants asks for ten times its share of the lanes; the others, within theirs, hardly notice."""
    tenants = [await asyncio.to_thread(_key, house, f"quiet-{number}") for number in range(_QUIET)]
    loud = await asyncio.to_thread(_key, house, "loud")
    share = round(_LANES * house.size.scale) / 0.5 / (_QUIET + 1)
    seconds, mixing = (20.0, _MIXING) if house.size.full else (2.0, _MIXING / 3)
    asks = [house.ask("varied", rate=share / 4, timeout=5.0, key=key) for key in tenants]
    noise = house.ask("varied", rate=share * _LOUDER, timeout=5.0, key=loud)
    async with house.load().going(*asks) as quiet:
        await asyncio.sleep(1.0)
        began = time.monotonic()
        await asyncio.sleep(seconds)
        async with house.load().going(noise) as (flood,):
            ended = time.monotonic()
            await asyncio.sleep(mixing + seconds)
            last = time.monotonic()
    alone, beside = _of(quiet, began, ended), _of(quiet, ended + mixing, last)
    finding = Finding(name=name, results=_of(quiet, ended, last))
    finding.facts.append(f"others' p99 {p99(alone):.3f} s alone, {p99(beside):.3f} s beside {len(flood.results)} more")
    finding.expect_no_broken_promise([*alone, *flood.results])
    lost = sum(each.verdict != "answered" for each in finding.results)
    finding.expect(lost == 0, f"{lost} of the others' requests were not answered ({finding.kinds()})")
    finding.expect(p99(beside) < _UNMOVED * p99(alone) + house.size.slack, "the others' p99 moved by 20 % or more")
    await expect_all_freed(finding, house, "varied", model="stub-slow-400-600ms")
    return finding


def _of(streams: Sequence[Stream], begin: float, end: float) -> list[Result]:
    return [each for stream in streams for each in within(stream.results, begin, end)]


def _key(house: House, tenant: str) -> str:
    """A key of a tenant's own."""
    with house.server.client() as client:
        made = client.post("/security/keys", json={"name": tenant, "tenant": tenant})
    return str(made.raise_for_status().json()["key"])
