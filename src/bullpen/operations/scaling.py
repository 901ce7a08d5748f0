"""When more replicas or lanes are needed, and when fewer are enough: one pure function."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from bullpen.operations.signals import Load, Signals

__all__ = ["Action", "Decision", "Policy", "decide"]

Action: TypeAlias = Literal["up", "down", "none"]
Told: TypeAlias = Mapping[str, str]
"""What holds, in plain words with figures, each under the one word that names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """When to scale, and how far.

    Attributes:
        minimum: The fewest replicas, and the fewest lanes it shrinks to.
        maximum: The most replicas.
        cpu_target: Processor use to aim at, percent.
        memory_target: Memory use to aim at, percent.
        up_above: Processor or memory use above which more is needed, percent.
        down_below: Processor and memory use below which less may do, percent.
        queue_above: Requests waiting above which more is needed.
        queue_below: Requests waiting below which less may do.
        step_up: By how many at once.
        step_down: By how many at once.
        cooldown: Seconds between two changes of the replicas, and between two changes of the lanes.
        start_lanes: Lanes at the start; it never shrinks below.
        max_lanes: The most lanes.
    """

    minimum: int = 2
    maximum: int = 20
    cpu_target: float = 70.0
    memory_target: float = 80.0
    up_above: float = 85.0
    down_below: float = 30.0
    queue_above: int = 10
    queue_below: int = 2
    step_up: int = 2
    step_down: int = 1
    cooldown: float = 300.0
    start_lanes: int = 20
    max_lanes: int = 20

    @property
    def least_lanes(self) -> int:
        """What lanes never shrink below."""
        return min(max(self.start_lanes, self.minimum), self.max_lanes)

    def within(self, replicas: int) -> int:
        """The nearest number of replicas that is allowed."""
        return min(max(replicas, self.minimum), self.maximum)

    def as_dict(self) -> dict[str, Any]:
        """As shown to callers."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to be done.

    Attributes:
        action: `up` or `down` when the number of replicas or of lanes is changed now.
        reasons: Everything that holds: why more is needed, or less would do, or that neither is so.
        held: What keeps a change back that the reasons ask for.
        desired: Replicas wanted; the last number stands until its cool-down is over.
        desired_by: By how many that was changed now.
        recommended: Replicas the targets alone ask for, whatever the thresholds and the cool-down say.
        lanes: Lanes for this process.
        lanes_by: By how many they were changed now.
    """

    action: Action
    reasons: Told
    held: Told
    desired: int
    desired_by: int
    recommended: int
    lanes: int
    lanes_by: int

    @property
    def by(self) -> int:
        """By how much: the larger of the two changes."""
        return max(self.desired_by, self.lanes_by, key=abs)

    def as_dict(self) -> dict[str, Any]:
        """As shown to callers and in the log."""
        return {
            "action": self.action,
            "by": self.by,
            "reasons": list(self.reasons.values()),
            "held": list(self.held.values()),
            "desired": self.desired,
            "recommended": self.recommended,
            "lanes": self.lanes,
        }


def decide(signals: Signals, policy: Policy) -> Decision:
    """What is to be done about this load.

    Processor, memory and queue ask for replicas. The queue alone asks for lanes as well, and only where processor and
    memory leave room for them: more lanes on a busy machine make everybody slower. Replicas and lanes have a cool-down
    each, which counts from their own last change in either direction.
    """
    load = signals.load
    rising = _rising(load, policy)
    falling = {} if rising else _falling(load, policy)
    step = policy.step_up if rising else -policy.step_down if falling else 0
    desired, desired_by, held = _replicas(signals, policy, step)
    lanes, kept = _lanes(signals, policy, rising=rising, step=step)
    change = desired_by or lanes - signals.lanes
    return Decision(
        action="up" if change > 0 else "down" if change < 0 else "none",
        reasons=rising or falling or {"steady": f"{_figures(load)}: between the thresholds"},
        held={**held, **kept},
        desired=desired,
        desired_by=desired_by,
        recommended=_recommended(signals, policy),
        lanes=lanes,
        lanes_by=lanes - signals.lanes,
    )


def _rising(load: Load, policy: Policy) -> Told:
    most = policy.up_above
    found = {
        "cpu": (load.cpu_percent > most, f"CPU at {load.cpu_percent:.0f} % is above {most:g} %"),
        "memory": (load.memory_percent > most, f"memory at {load.memory_percent:.0f} % is above {most:g} %"),
        "queue": (
            load.queue_length > policy.queue_above,
            f"{load.queue_length} requests wait, more than {policy.queue_above}",
        ),
    }
    return {name: text for name, (holds, text) in found.items() if holds}


def _falling(load: Load, policy: Policy) -> Told:
    idle = max(load.cpu_percent, load.memory_percent) < policy.down_below
    if not idle or load.queue_length >= policy.queue_below:
        return {}
    return {"quiet": f"{_figures(load)}: below {policy.down_below:g} %, and fewer than {policy.queue_below} wait"}


def _figures(load: Load) -> str:
    return f"CPU at {load.cpu_percent:.0f} %, memory at {load.memory_percent:.0f} %, {load.queue_length} waiting"


def _replicas(signals: Signals, policy: Policy, step: int) -> tuple[int, int, Told]:
    """The number wanted, by how many it was changed now, and what kept it."""
    now = policy.within(signals.replicas)
    if signals.since_replicas < policy.cooldown:
        before = now if signals.desired is None else policy.within(signals.desired)
        return before, 0, _cooling("replicas", signals.since_replicas, policy) if step else {}
    desired = policy.within(signals.replicas + step)
    if step and desired == now:
        return now, 0, {"replicas": f"{now} replicas are the {'most' if step > 0 else 'fewest'}"}
    return desired, desired - now, {}


def _lanes(signals: Signals, policy: Policy, *, rising: Told, step: int) -> tuple[int, Told]:
    """The lanes of this process, and what kept them."""
    now = signals.lanes
    if step == 0 or (rising and "queue" not in rising):
        return now, {}
    hottest = max(signals.load.cpu_percent, signals.load.memory_percent)
    if step > 0 and hottest >= policy.up_above:
        return now, {"lanes": f"lanes grow only below {policy.up_above:g} % of CPU and memory"}
    wanted = _grown(signals, policy) if step > 0 else min(now, max(now + step, policy.least_lanes))
    if wanted == now:
        return now, _at_the_end(signals, policy) if step > 0 else {}
    if signals.since_lanes < policy.cooldown:
        return now, _cooling("lanes", signals.since_lanes, policy)
    return wanted, {}


def _grown(signals: Signals, policy: Policy) -> int:
    ceiling = policy.max_lanes if signals.bound is None else min(policy.max_lanes, signals.bound)
    return max(signals.lanes, min(signals.lanes + policy.step_up, ceiling))


def _at_the_end(signals: Signals, policy: Policy) -> Told:
    if signals.bound is not None and signals.bound < policy.max_lanes:
        return {"lanes": f"self-tuning allows {signals.bound} lanes"}
    return {"lanes": f"{policy.max_lanes} lanes are the most"}


def _cooling(what: str, since: float, policy: Policy) -> Told:
    return {what: f"the {what} were changed {since:.0f} s ago, and the cool-down is {policy.cooldown:g} s"}


def _recommended(signals: Signals, policy: Policy) -> int:
    """Kubernetes' own rule: `ceil(current * usage / target)`, the largest over all metrics, a step at most.

    It is the rule of the Horizontal Pod Autoscaler, under "Algorithm details" of its page.
    """
    load, now = signals.load, signals.replicas
    ratio = max(load.cpu_percent / policy.cpu_target, load.memory_percent / policy.memory_target)
    wanted = math.ceil(now * ratio)
    return policy.within(min(max(wanted, now - policy.step_down), now + policy.step_up))
