"""What is done when memory is full, processors are busy or a model is slow: one pure function."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from bullpen.operations.demotion import Demotion
from bullpen.operations.remedy import Remedy

__all__ = ["Baselines", "Ranges", "Sight", "State", "Step", "Verb", "tune"]

Verb: TypeAlias = Literal[
    "shrink_caches", "restore_caches", "lower_concurrency", "raise_concurrency", "prefer_fallback", "restore_model"
]

_DEEPEST: Final = 3
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Baselines:
    """How it should be.

    Attributes:
        response: Seconds a model or a run takes.
        memory_per_agent: Bytes for each run that goes on.
        cpu_per_request: Percent of a core for each run that goes on.
        requests_per_minute: Runs this process should be able to end in a minute.
    """

    response: float = 15.0
    memory_per_agent: int = 50 * _MIB
    cpu_per_request: float = 10.0
    requests_per_minute: float = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """Where remedies begin, where they end, and how far they go.

    Attributes:
        memory_high: Percent above which caches are shrunk.
        memory_low: Percent below which they are restored.
        cpu_high: Percent above which fewer runs go on at once.
        cpu_low: Percent below which more do again.
        step: The share of the lanes that is taken away at once, at least one lane.
        least_lanes: Lanes that are always left.
    """

    memory_high: float = 85.0
    memory_low: float = 75.0
    cpu_high: float = 90.0
    cpu_low: float = 70.0
    step: float = 0.2
    least_lanes: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What is seen in one round.

    Attributes:
        memory_percent: Memory use of the container or the machine.
        cpu_percent: Processor use of the same.
        lanes: Lanes there are now.
        shrinkable: Whether there is any cache to shrink.
        latencies: Seconds, of the models that have a fallback; None for one that was never called.
    """

    memory_percent: float
    cpu_percent: float
    lanes: int
    shrinkable: bool = True
    latencies: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything that was done and is not undone.

    Attributes:
        bounds: The bounds on the lanes, each lower than the one before; the last one holds.
    """

    memory: Remedy = field(default_factory=Remedy)
    cpu: Remedy = field(default_factory=Remedy)
    bounds: tuple[int, ...] = ()
    models: Mapping[str, Demotion] = field(default_factory=dict)

    @property
    def bound(self) -> int | None:
        """The most lanes there may be; None without a bound."""
        return self.bounds[-1] if self.bounds else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do.

    Attributes:
        verb: What.
        reason: Why, with figures.
        bound: The new bound on the lanes, when it is about them.
        model: Which one, when it is about a model.
    """

    verb: Verb
    reason: str
    bound: int | None = None
    model: str = ""


def tune(sight: Sight, state: State, *, ranges: Ranges, baselines: Baselines) -> tuple[list[Step], State]:
    """What is to be done in this round, at most one step of each kind, and how things stand after it."""
    memory, shrink = _memory(sight, state.memory, ranges)
    cpu, bounds, lower = _lanes(sight, state, ranges)
    models, prefer = _models(sight, state.models, baselines)
    return [*shrink, *lower, *prefer], State(memory=memory, cpu=cpu, bounds=bounds, models=models)


def _memory(sight: Sight, remedy: Remedy, ranges: Ranges) -> tuple[Remedy, list[Step]]:
    """Caches are shrunk step by step, and restored at once, when the last step is undone."""
    used = sight.memory_percent
    high, low = used > ranges.memory_high, used < ranges.memory_low
    move, after = remedy.judge(high=high, low=low, room=sight.shrinkable and remedy.depth < _DEEPEST)
    if move == "apply":
        return after, [Step(verb="shrink_caches", reason=f"memory at {used:.0f} % is above {ranges.memory_high:g} %")]
    if move == "undo" and not after.depth:
        return after, [Step(verb="restore_caches", reason=f"memory at {used:.0f} % is below {ranges.memory_low:g} %")]
    return after, []


def _lanes(sight: Sight, state: State, ranges: Ranges) -> tuple[Remedy, tuple[int, ...], list[Step]]:
    """Bounds are laid on one another and taken off in turn, so that the way back is the way there."""
    used, bounds = sight.cpu_percent, state.bounds
    now = min((sight.lanes, *bounds[-1:]))
    lower = max(ranges.least_lanes, now - max(1, int(now * ranges.step)))
    high, low = used > ranges.cpu_high, used < ranges.cpu_low
    move, after = state.cpu.judge(high=high, low=low, room=lower < now)
    if move == "apply":
        reason = f"CPU at {used:.0f} % is above {ranges.cpu_high:g} %"
        return after, (*bounds, lower), [Step(verb="lower_concurrency", reason=reason, bound=lower)]
    if move == "undo":
        reason = f"CPU at {used:.0f} % is below {ranges.cpu_low:g} %"
        bound = State(bounds=bounds[:-1]).bound
        return after, bounds[:-1], [Step(verb="raise_concurrency", reason=reason, bound=bound)]
    return after, bounds, []


def _models(
    sight: Sight, before: Mapping[str, Demotion], baselines: Baselines
) -> tuple[dict[str, Demotion], list[Step]]:
    judged = {
        name: before.get(name, Demotion()).judge(latency, baseline=baselines.response)
        for name, latency in sight.latencies.items()
    }
    gone = [
        Step(verb="restore_model", reason="it has no fallback any more", model=name) for name in _left(sight, before)
    ]
    steps = [
        step for name, (move, _) in judged.items() for step in _about(name, move, sight.latencies[name], baselines)
    ]
    return {name: after for name, (_, after) in judged.items()}, [*gone, *steps]


def _left(sight: Sight, before: Mapping[str, Demotion]) -> Iterator[str]:
    yield from (name for name, each in before.items() if each.away and name not in sight.latencies)


def _about(name: str, move: str, latency: float | None, baselines: Baselines) -> Iterator[Step]:
    if move == "apply":
        reason = f"it takes {latency:.1f} s, more than {baselines.response:g} s"
        yield Step(verb="prefer_fallback", reason=reason, model=name)
    if move == "undo":
        yield Step(verb="restore_model", reason="it is tried again", model=name)
