"""The figures as tables: the median of the rounds, and from which to which they went."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Flow", "Row", "Sample", "spread", "streams_table", "systems_table", "table"]

_NOTHING: Final = ""


@dataclass(frozen=True, slots=True)
class Flow:
    """Streams of one system in one round, 32 at once.

    Attributes:
        rate: Streams a second; 533 is ideal.
        cpu: A stream, ms.
        first_of_many: From the request to the first words, ms.
        first_of_one: The same with no other stream.
    """

    rate: float
    cpu: float
    first_of_many: float
    first_of_one: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of one system.

    Attributes:
        rate: Answers a second with 64 connections and a model of 0 ms; `p50`, `p99` (ms) and `cpu` (ms) belong to it.
        idle: Median latency of one connection, ms.
        slow: Answers a second with 200 connections and a model of 200 ms; 1,000 is ideal.
        slow_cpu: What one of those cost, ms.
        flow: Its streams, if it streams.
    """

    rate: float
    p50: float
    p99: float
    cpu: float
    idle: float
    slow: float
    slow_cpu: float
    flow: Flow | None


@dataclass(slots=True)
class Row:
    """One system: `ready` in seconds from its start, `memory` in MB after the last round."""

    name: str
    ready: float
    memory: float = 0.0
    samples: list[Sample] = field(default_factory=list)

    @property
    def flows(self) -> list[Flow]:
        """Its streams, a round each."""
        return [each.flow for each in self.samples if each.flow]


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; the first column is words, the others are figures."""
    lines = [f"| {' | '.join(heads)} |", "|---|" + "--:|" * (len(heads) - 1)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def spread(values: Sequence[float], form: str) -> str:
    """The median, and the least and the most of several."""
    if not values:
        return _NOTHING
    low, middle, high = (form.format(each) for each in (min(values), statistics.median(values), max(values)))
    return middle if len(values) == 1 else f"{middle} ({low} to {high})"


def systems_table(rows: Sequence[Row], *, floor: Row | None) -> str:
    """Whole answers. `of floor` is the ratio of the 200 ms columns, taken round by round."""
    heads = ("system", "requests/s", "CPU ms a request", "p50 ms", "p99 ms", "idle p50 ms")
    slow = ("200 ms model, requests/s", "of floor", "CPU ms")
    return table((*heads, *slow, "RSS MB", "ready s"), (_system_cells(row, floor) for row in rows))


def _system_cells(row: Row, floor: Row | None) -> list[str]:
    def cell(value: Callable[[Sample], float], form: str) -> str:
        return spread([value(each) for each in row.samples], form)

    base = floor.samples if floor else []
    return [
        row.name,
        cell(lambda each: each.rate, "{:,.0f}"),
        cell(lambda each: each.cpu, "{:.2f}"),
        cell(lambda each: each.p50, "{:.1f}"),
        cell(lambda each: each.p99, "{:.1f}"),
        cell(lambda each: each.idle, "{:.2f}"),
        cell(lambda each: each.slow, "{:,.0f}"),
        spread([ours.slow / theirs.slow for ours, theirs in zip(row.samples, base, strict=False)], "{:.2f}"),
        cell(lambda each: each.slow_cpu, "{:.2f}"),
        f"{row.memory:.0f}",
        f"{row.ready:.1f}",
    ]


def streams_table(rows: Sequence[Row], *, direct: Sequence[Flow], floor: Row | None) -> str:
    """Streams. What is added to the time to the first words is counted from the stub model's own, round by round."""
    heads = ("system", "streams/s, 32 at once", "of floor", "CPU ms a stream", "first token added ms", "one stream: ms")
    cells = [_stream_cells(row.name, row.flows, direct, floor.flows if floor else []) for row in rows if row.flows]
    own = ["the stub model itself", spread([each.rate for each in direct], "{:,.0f}"), _NOTHING, _NOTHING]
    many, one = ([getattr(each, name) for each in direct] for name in ("first_of_many", "first_of_one"))
    own += [f"takes {spread(many, '{:.1f}')}", f"takes {spread(one, '{:.1f}')}"]
    return table(heads, [own, *cells])


def _stream_cells(name: str, flows: Sequence[Flow], direct: Sequence[Flow], base: Sequence[Flow]) -> list[str]:
    pairs = list(zip(flows, direct, strict=True))
    return [
        name,
        spread([each.rate for each in flows], "{:,.0f}"),
        spread([ours.rate / theirs.rate for ours, theirs in zip(flows, base, strict=False)], "{:.2f}"),
        spread([each.cpu for each in flows], "{:.2f}"),
        spread([ours.first_of_many - own.first_of_many for ours, own in pairs], "{:.1f}"),
        spread([ours.first_of_one - own.first_of_one for ours, own in pairs], "{:.1f}"),
    ]
