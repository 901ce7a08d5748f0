"""The course of a fault under load: good days, the fault, and the way back."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Final

from tests.chaos.finding import Finding, p99, recovery, within
from tests.chaos.house import WELL, House, Size
from tests.chaos.judgement import Result
from tests.chaos.load import Ask

__all__ = ["BACK_WITHIN", "Course", "expect_all_freed", "expect_the_well_unharmed", "joined", "suffered"]

BACK_WITHIN: Final = 5.0
"""Seconds after the fault's end within which everything is normal again."""

_GIVES_UP: Final = BACK_WITHIN + 2.0
_LOOKS_EVERY: Final = 0.1
_FREED_WITHIN: Final = 2.0


@dataclass(frozen=True, slots=True)
class Course:
    """What came of the sick and of the well, and when the fault was. Times are `time.monotonic()`."""

    sick: list[Result]
    well: list[Result]
    warm: float
    began: float
    ended: float
    size: Size

    def finding(self, name: str) -> Finding:
        """With the promises made to everybody: a word in time, and normal soon."""
        back = recovery(self.sick, end=self.ended, in_a_row=self.size.in_a_row)
        finding = Finding(name=name, results=within(self.sick, self.began), recovery=back)
        finding.expect_no_broken_promise(self.well)
        finding.expect(back <= BACK_WITHIN + self.size.slack, f"normal again after {back:.1f} s")
        return finding


async def suffered(
    house: House,
    sick: Ask,
    *,
    begin: Callable[[], object],
    end: Callable[[], object],
    seconds: float,
    well: bool = True,
) -> Course:
    """Load on both agents from before the fault until after it; `begin` and `end` are called in a thread."""
    asks = [sick, house.ask(WELL)] if well else [sick]
    async with house.load().going(*asks) as streams:
        warm = time.monotonic() + house.size.warm_up
        await asyncio.sleep(house.size.warm_up + house.size.before)
        began = time.monotonic()
        await asyncio.to_thread(begin)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(end)
        ended = time.monotonic()
        await _until_normal(streams[0].results, ended, house.size.in_a_row)
    return Course(streams[0].results, streams[1].results if well else [], warm, began, ended, house.size)


async def joined(house: House, sick: Ask, *, seconds: float) -> Course:
    """Load on the well agent, which the sick one joins for so long: a fault that is there from the first request."""
    async with house.load().going(house.ask(WELL)) as (well,):
        warm = time.monotonic() + house.size.warm_up
        await asyncio.sleep(house.size.warm_up + house.size.before)
        began = time.monotonic()
        async with house.load().going(sick) as (ill,):
            await asyncio.sleep(seconds)
            ended = time.monotonic()
    return Course(ill.results, well.results, warm, began, ended, house.size)


async def _until_normal(results: list[Result], ended: float, in_a_row: int) -> None:
    for _ in range(round(_GIVES_UP / _LOOKS_EVERY)):
        await asyncio.sleep(_LOOKS_EVERY)
        if recovery(results, end=ended, in_a_row=in_a_row) < inf:
            return


def expect_the_well_unharmed(finding: Finding, course: Course) -> None:
    """The others' p99 stays under twice what it was, and every one of them is answered."""
    before, during = within(course.well, course.warm, course.began), within(course.well, course.began, course.ended)
    was, came = p99(before), p99(during)
    finding.facts.append(f"others' p99 {was:.3f} s then {came:.3f} s")
    finding.expect(came < 2 * was + course.size.slack, "the others' p99 more than doubled")
    lost = sum(each.verdict != "answered" for each in during)
    finding.expect(lost == 0, f"{lost} of the others' requests were not answered")


async def expect_all_freed(finding: Finding, house: House, agent: str, *, model: str = "") -> None:
    """No lane is in use by the agent and no connection to its model, shortly after the last answer."""

    def connections() -> int:
        return house.upstream.counts(model).open

    freed = await house.until(lambda: house.active(agent) == 0, within=_FREED_WITHIN)
    finding.expect(freed, "lanes are still in use")
    closed = await house.until(lambda: connections() == 0, within=_FREED_WITHIN)
    finding.expect(closed, f"{connections()} connections to the model are still in use")
