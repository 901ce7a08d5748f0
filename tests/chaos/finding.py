"""What a fault did to the service: the line that is printed, and the promises that did not hold."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil, inf
from statistics import median

from tests.chaos.judgement import Result, Verdict

__all__ = ["Finding", "median_latency", "p99", "recovery", "within"]


@dataclass(slots=True, kw_only=True)
class Finding:
    """One fault, survived or not.

    Attributes:
        results: Of the requests the fault befell.
        recovery: Seconds from the fault's end until it was normal again; None where the fault has no end.
        facts: What else is worth printing.
        reasons: Why its promise does not hold.
    """

    name: str
    results: Sequence[Result]
    recovery: float | None = None
    facts: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.reasons

    def count(self, verdict: Verdict) -> int:
        return sum(each.verdict == verdict for each in self.results)

    def expect(self, holds: bool, otherwise: str) -> None:
        """Notes `otherwise` unless it holds."""
        if not holds:
            self.reasons.append(otherwise)

    def expect_no_broken_promise(self, results: Iterable[Result] = ()) -> None:
        """Every request was answered in time, by an answer or one of our errors."""
        broken = Counter(each.kind for each in (*self.results, *results) if each.verdict == "broken")
        if broken:
            kind, times = broken.most_common(1)[0]
            self.reasons.append(f"{broken.total()} broken, {times} of them: {kind}")

    def line(self) -> str:
        counts = ", ".join(f"{self.count(each)} {each}" for each in ("answered", "refused", "failed"))
        known = "" if self.recovery is None else f", recovery {self.recovery:.2f} s"
        facts = "".join(f", {fact}" for fact in (*self.facts, self.kinds()) if fact)
        promise = "yes, it holds" if self.holds else f"NO, it does not hold: {'; '.join(self.reasons)}"
        return (
            f"{self.name}: {len(self.results)} sent, {counts}, p99 {p99(self.results):.3f} s{known}{facts}: {promise}"
        )

    def kinds(self) -> str:
        """How often each error came, most frequent first."""
        found = Counter(each.kind for each in self.results if each.verdict in {"refused", "failed"})
        return ", ".join(f"{kind} {times}" for kind, times in found.most_common())


def p99(results: Iterable[Result]) -> float:
    """Of the latencies of good answers, seconds; 0 without any."""
    found = sorted(each.latency for each in results if each.verdict == "answered")
    return found[ceil(len(found) * 0.99) - 1] if found else 0.0


def median_latency(results: Iterable[Result]) -> float:
    """Of all these, seconds."""
    return median(each.latency for each in results)


def within(results: Iterable[Result], begin: float, end: float = inf) -> list[Result]:
    """Those sent in this time."""
    return [each for each in results if begin <= each.sent < end]


def recovery(results: Iterable[Result], *, end: float, in_a_row: int) -> float:
    """Seconds from `end` to the last of so many good answers in a row; infinite when there are none."""
    good = 0
    for each in sorted((each for each in results if each.at >= end), key=lambda each: each.at):
        good = good + 1 if each.verdict == "answered" else 0
        if good == in_a_row:
            return each.at - end
    return inf
