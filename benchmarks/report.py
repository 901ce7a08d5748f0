"""The figures as a table: the median of the rounds, and from which to which they went."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

__all__ = ["CPU_LIMIT", "Row", "Sample", "render"]

CPU_LIMIT: Final = 0.4  # milliseconds of CPU a request that Bullpen may add to Agno and its client


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of one system.

    Attributes:
        rate: Answers a second with 64 connections and a model of 0 ms; `p50`, `p99` (ms) and `cpu` (ms) belong to it.
        idle: Median latency of one connection, ms.
        slow: Answers a second with 200 connections and a model of 200 ms; 1,000 is ideal.
    """

    rate: float
    p50: float
    p99: float
    cpu: float
    idle: float
    slow: float


@dataclass(slots=True)
class Row:
    """One system: `ready` in seconds from its start, `memory` in MB after the last round."""

    name: str
    ready: float
    memory: float = 0.0
    samples: list[Sample] = field(default_factory=list)

    def cells(self) -> list[str]:
        """The row of the table."""
        return [
            self.name,
            _spread(self.samples, lambda each: each.rate, "{:,.0f}"),
            _spread(self.samples, lambda each: each.cpu, "{:.2f}"),
            _spread(self.samples, lambda each: each.p50, "{:.1f}"),
            _spread(self.samples, lambda each: each.p99, "{:.1f}"),
            _spread(self.samples, lambda each: each.idle, "{:.2f}"),
            _spread(self.samples, lambda each: each.slow, "{:,.0f}"),
            f"{self.memory:.0f}",
            f"{self.ready:.1f}",
        ]


_HEADS: Final = (
    "system",
    "requests/s",
    "CPU ms a request",
    "p50 ms",
    "p99 ms",
    "idle p50 ms",
    "200 ms model, requests/s",
    "RSS MB",
    "ready s",
)


def _spread(samples: Sequence[Sample], value: Callable[[Sample], float], form: str) -> str:
    values = [value(each) for each in samples]
    low, middle, high = (form.format(each) for each in (min(values), statistics.median(values), max(values)))
    return middle if len(values) == 1 else f"{middle} ({low} to {high})"


def render(rows: Sequence[Row], *, baseline: str, bullpen: str) -> str:
    """The table in Markdown, and the line that matters."""
    lines = ["| " + " | ".join(_HEADS) + " |", "|---|" + "--:|" * (len(_HEADS) - 1)]
    lines += ["| " + " | ".join(row.cells()) + " |" for row in rows]
    named = {row.name: row for row in rows}
    if baseline in named and bullpen in named:
        lines += ["", _difference(named[baseline], named[bullpen])]
    return "\n".join(lines)


def _difference(baseline: Row, bullpen: Row) -> str:
    pairs = zip(baseline.samples, bullpen.samples, strict=True)
    added = [ours.cpu - theirs.cpu for theirs, ours in pairs]
    low, middle, high = min(added), statistics.median(added), max(added)
    return (
        f"Bullpen adds {middle:.2f} ms CPU a request to Agno and its client "
        f"(rounds {low:.2f} to {high:.2f}, limit {CPU_LIMIT}); both measured in this run, at the same concurrency."
    )
