"""What was promised of the systems, beside what came out: ratios of one run, taken round by round."""

from collections.abc import Mapping, Sequence
from typing import Final

from benchmarks.report import Flow, Row, Sample, spread, table
from benchmarks.systems import BASELINE, BULLPEN, BULLPEN_ON_SDK, FLOOR, NAIVE, System

__all__ = ["verdict"]

CPU_LIMIT: Final = 0.4  # milliseconds of CPU a request that Bullpen may add to Agno and its client


def verdict(rows: Sequence[Row], *, direct: Sequence[Flow]) -> str:
    """The table of promises; those whose systems were not measured are left out."""
    named = {row.name: row for row in rows}
    lines = [*_rates(named), *_streams(named, direct), *_added(named)]
    return table(("promise", "measured", "promised"), lines)


def _rates(named: Mapping[str, Row]) -> list[list[str]]:
    lines: list[list[str]] = []
    for ours, theirs, promised in ((BULLPEN, FLOOR, "at least 0.7"), (BULLPEN_ON_SDK, NAIVE, "at least 1")):
        pairs = _pairs(named, ours, theirs)
        what = f"{ours.name}, 200 connections and a model of 200 ms, of {theirs.name}"
        by_rate = [mine.slow / other.slow for mine, other in pairs]
        # What cannot be faster than the model says nothing about the CPU that is left; its inverse does.
        by_cpu = [other.slow_cpu / mine.slow_cpu for mine, other in pairs]
        lines += [[what, spread(by_rate, "{:.2f}"), promised], [f"{what}, by CPU", spread(by_cpu, "{:.2f}"), ""]]
    return [line for line in lines if line[1]]


def _streams(named: Mapping[str, Row], direct: Sequence[Flow]) -> list[list[str]]:
    lines: list[list[str]] = []
    for ours, promised in ((BULLPEN, True), (BULLPEN_ON_SDK, False)):
        pairs = _pairs(named, ours, FLOOR)
        flows = [(mine.flow, other.flow) for mine, other in pairs if mine.flow and other.flow]
        rates = [mine.rate / other.rate for mine, other in flows]
        added = [
            _beyond(mine, stub) / max(_beyond(other, stub), 0.01)
            for (mine, other), stub in zip(flows, direct, strict=False)
        ]
        told = f"{ours.name}, 32 streams"
        lines += [
            [f"{told}, streams/s of the floor's", spread(rates, "{:.2f}"), "at least 0.5" if promised else ""],
            [f"{told}, added first token of the floor's", spread(added, "{:.1f}"), "at most 10" if promised else ""],
        ]
    return [line for line in lines if line[1]]


def _beyond(flow: Flow, stub: Flow) -> float:
    return flow.first_of_many - stub.first_of_many


def _added(named: Mapping[str, Row]) -> list[list[str]]:
    pairs = _pairs(named, BULLPEN_ON_SDK, BASELINE)
    added = spread([mine.cpu - other.cpu for mine, other in pairs], "{:.2f}")
    what = f"{BULLPEN_ON_SDK.name}, CPU ms a request added to {BASELINE.name}"
    return [[what, added, f"at most {CPU_LIMIT}"]] if added else []


def _pairs(named: Mapping[str, Row], ours: System, theirs: System) -> list[tuple[Sample, Sample]]:
    if ours.name not in named or theirs.name not in named:
        return []
    return list(zip(named[ours.name].samples, named[theirs.name].samples, strict=True))
