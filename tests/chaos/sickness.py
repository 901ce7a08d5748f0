"""Faults of one model, each with an agent that has it, in one house."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from tests.chaos.course import Course, expect_all_freed, expect_the_well_unharmed, joined, suffered
from tests.chaos.finding import Finding, median_latency, within
from tests.chaos.house import WELL, House, Size, agent, opened
from tests.stubs.faults import Fault
from tests.stubs.ports import free_port

__all__ = ["BROKEN_MODELS", "blocking", "broken", "dead", "failing", "hospital", "limiting", "unreachable", "vanished"]

BROKEN_MODELS: Final = {
    "silent": ("stall", False),
    "hang": ("hang", False),
    "hang_stream": ("hang", True),
    "stall": ("stall-midstream", True),
    "half": ("half", False),
    "half_stream": ("half", True),
    "hangup": ("hangup", False),
    "endless": ("endless", False),
    "endless_stream": ("endless", True),
    "error_200": ("error-200", False),
}
"""By the fault's name: how the model behaves, and whether its answer is streamed."""

_ANSWERED: Final = 0.995
_CALLS: Final = 1.3
_REST: Final = 2.0
# A call that had left before the refusal was known arrives a moment after it.
_UNDER_WAY: Final = 0.15
_OPEN_WITHIN: Final = 0.02


@contextmanager
def hospital(folder: Path, size: Size) -> Iterator[House]:
    """A house with an agent for every fault of this module."""
    closed = {"ENDPOINTS__CLOSED__BASE_URL": f"http://localhost:{free_port()}/v1"}
    names = ("fail20", "dead5", "busy", "vanished", *BROKEN_MODELS)
    agents: list[dict[str, Any]] = [
        *(agent(name) for name in names),
        agent(WELL, model="openai:stub-slow-100ms-well"),
        agent("dns", model="nowhere:stub"),
        agent("refused", model="closed:stub"),
        agent("blocking", model="openai:stub-tools", tools=["block"]),
    ]
    with opened(folder, size, agents=agents, settings=closed) as house:
        yield house


def model_of(name: str) -> str:
    return f"stub-slow-50ms-{name}"


async def _befallen(house: House, name: str, fault: Fault, *, seconds: float, **fields: Any) -> Course:
    """A model of the house has the fault for so long."""
    begin = partial(house.upstream.break_down, fault)
    end = partial(house.upstream.mend, fault.model)
    return await suffered(house, house.ask(name, **fields), begin=begin, end=end, seconds=seconds)


async def broken(house: House, name: str) -> Finding:
    """One of `BROKEN_MODELS`: never an answer, always one of our errors, and nobody else is harmed."""
    behaviour, stream = BROKEN_MODELS[name]
    fault = Fault(model=model_of(name), behaviour=behaviour)
    course = await _befallen(house, name, fault, seconds=house.size.fault, stream=stream)
    finding = course.finding(name)
    expect_the_well_unharmed(finding, course)
    await expect_all_freed(finding, house, name, model=fault.model)
    return finding


async def dead(house: House, name: str = "dead5") -> Finding:
    """Dead for 5 s: honest errors, at once when it is known, and never an answer that is none."""
    fault = Fault(model=model_of(name), behaviour="503")
    course = await _befallen(house, name, fault, seconds=max(5 * house.size.scale, 2.5))
    finding = course.finding(name)
    quick = [each for each in within(course.sick, course.began, course.ended) if each.kind == "circuit_open"]
    finding.expect(bool(quick), "the breaker did not open")
    if quick:
        took = median_latency(quick)
        finding.facts.append(f"once open {took * 1000:.0f} ms")
        finding.expect(took <= _OPEN_WITHIN + house.size.slack, "an open breaker answers slowly")
    expect_the_well_unharmed(finding, course)
    await expect_all_freed(finding, house, name, model=fault.model)
    return finding


async def failing(house: House, name: str = "fail20") -> Finding:
    """A fifth of the calls fails: nearly all are answered by retries, few are needed, and the breaker stays closed."""
    fault = Fault(model=model_of(name), behaviour="500", share=0.2)
    # A request may have to wait for three retries of up to 10 s each.
    seconds = 50.0 if house.size.full else 3.0
    course = await _befallen(house, name, fault, seconds=seconds, timeout=40.0)
    finding = course.finding(name)
    befallen = within(course.sick, course.began, course.ended)
    calls = [at for at in house.upstream.counts(fault.model).arrivals if at >= course.began]
    share = sum(each.verdict == "answered" for each in befallen) / len(befallen)
    ratio = len(calls) / len(finding.results)
    finding.facts.append(f"{share:.2%} answered, {ratio:.3f} calls a request")
    # A short run has too few requests for the exact figures, and enough to see that there are retries.
    few = 0 if house.size.full else 0.1
    finding.expect(share >= _ANSWERED - few, f"fewer than {_ANSWERED:.1%} answered ({finding.kinds()})")
    finding.expect(ratio <= _CALLS + 2 * few, f"more than {_CALLS} calls a request")
    finding.expect("circuit_open" not in finding.kinds(), "the breaker opened")
    expect_the_well_unharmed(finding, course)
    await expect_all_freed(finding, house, name, model=fault.model)
    return finding


async def limiting(house: House, name: str = "busy") -> Finding:
    """The provider wants two seconds of rest, and has them after every refusal."""
    fault = Fault(model=model_of(name), behaviour="429", retry_after=f"{_REST:g}")
    course = await _befallen(house, name, fault, seconds=max(house.size.fault, 3.0))
    finding = course.finding(name)
    counts = house.upstream.counts(fault.model)
    under_way = _UNDER_WAY + house.size.slack
    after = [at - told for at in counts.arrivals for told in counts.refusals]
    early = sorted(seconds for seconds in after if under_way < seconds < _REST)
    finding.facts.append(f"{len(counts.refusals)} refusals")
    finding.expect(not early, f"a call came {early[0] if early else 0:.3f} s after a refusal")
    expect_the_well_unharmed(finding, course)
    await expect_all_freed(finding, house, name, model=fault.model)
    return finding


async def vanished(house: House, name: str = "vanished") -> Finding:
    """Nothing listens at the provider's address any more, and connections to it are reset."""
    sick, up = house.ask(name), house.upstream
    course = await suffered(house, sick, begin=up.vanish, end=up.appear, seconds=house.size.fault, well=False)
    finding = course.finding(name)
    await expect_all_freed(finding, house, name, model=model_of(name))
    return finding


async def unreachable(house: House, name: str) -> Finding:
    """The provider's name is not known (`dns`), or leads to a port where nobody listens (`refused`); for ever."""
    course = await joined(house, house.ask(name), seconds=house.size.fault)
    finding = Finding(name=name, results=course.sick)
    finding.expect_no_broken_promise(course.well)
    expect_the_well_unharmed(finding, course)
    await expect_all_freed(finding, house, name)
    return finding


async def blocking(house: House, name: str = "blocking") -> Finding:
    """A synchronous tool holds its thread for five seconds, in run after run, and holds up nobody else."""
    sick = house.ask(name, rate=4, timeout=12.0, answer="blocked")
    course = await joined(house, sick, seconds=2 * house.size.fault)
    finding = Finding(name=name, results=course.sick)
    finding.expect_no_broken_promise(course.well)
    lost = sum(each.verdict != "answered" for each in course.sick)
    finding.expect(lost == 0, f"{lost} of the runs with the tool were not answered ({finding.kinds()})")
    expect_the_well_unharmed(finding, course)
    await expect_all_freed(finding, house, name)
    return finding
