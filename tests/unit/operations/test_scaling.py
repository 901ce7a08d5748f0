"""The decision: when more is needed, when less will do, and what keeps either back."""

import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.operations.scaling import Decision, Policy, decide
from bullpen.operations.signals import Load, Signals

TRACES: Final = sorted(Path(__file__).with_name("traces").glob("*.json"))
EVERY: Final = 30.0
POLICY: Final = Policy(start_lanes=4, max_lanes=8)
CALM: Final = Load(cpu_percent=50, memory_percent=50, queue_length=5)
NOW: Final = Signals(load=CALM, replicas=5, lanes=4)


def at(signals: Signals = NOW, /, **load: Any) -> Signals:
    return replace(signals, load=replace(signals.load, **load))


class Replay:
    """What carries the state from one decision to the next; a cluster that follows has the replicas a round later."""

    def __init__(self, *, replicas: int, follows: bool) -> None:
        self._signals = Signals(replicas=replicas, lanes=POLICY.start_lanes)
        self._follows = follows

    def round(self, load: Load) -> Decision:
        decision = decide(replace(self._signals, load=load), POLICY)
        before = self._signals
        self._signals = Signals(
            replicas=decision.desired if self._follows else before.replicas,
            desired=decision.desired,
            since_replicas=EVERY + (0 if decision.desired_by else before.since_replicas),
            lanes=decision.lanes,
            since_lanes=EVERY + (0 if decision.lanes_by else before.since_lanes),
        )
        return decision


@pytest.mark.parametrize("trace", TRACES, ids=lambda trace: trace.stem)
def test_recorded_traces(trace: Path) -> None:
    """Each look of a recorded load is decided as the trace says: these changes, and none besides."""
    told = json.loads(trace.read_text("utf-8"))
    replay = Replay(replicas=told["replicas"], follows=told["follows"])
    load = [
        Load(cpu_percent=cpu, memory_percent=memory, queue_length=queue)
        for times, cpu, memory, queue in told["load"]
        for _ in range(times)
    ]
    decided = {str(number): replay.round(each) for number, each in enumerate(load)}
    changes = {
        number: [each.action, each.desired, each.lanes] for number, each in decided.items() if each.action != "none"
    }
    assert changes == told["changes"]
    assert all(each.reasons for each in decided.values())


def test_there_are_traces() -> None:
    """The search above finds them."""
    assert [trace.stem for trace in TRACES] == [
        "cpu_storm",
        "flapping",
        "memory_leak",
        "morning_rush",
        "quiet_night",
    ]


@pytest.mark.parametrize(
    ("load", "reasons"),
    [
        ({"cpu_percent": 85.1}, ["CPU at 85 % is above 85 %"]),
        ({"memory_percent": 91}, ["memory at 91 % is above 85 %"]),
        ({"queue_length": 11}, ["11 requests wait, more than 10"]),
        (
            {"cpu_percent": 90, "memory_percent": 86, "queue_length": 40},
            ["CPU at 90 % is above 85 %", "memory at 86 % is above 85 %", "40 requests wait, more than 10"],
        ),
    ],
)
def test_up_by_two_for_any_of_three_reasons(load: dict[str, Any], reasons: list[str]) -> None:
    """Processor, memory or queue; every reason that holds is told, with its figure."""
    decision = decide(at(**load), POLICY)
    assert (decision.action, decision.desired, decision.by) == ("up", 7, 2)
    assert decision.as_dict()["reasons"] == reasons


@pytest.mark.parametrize("load", [{"cpu_percent": 85}, {"memory_percent": 85}, {"queue_length": 10}, {}])
def test_on_the_threshold_nothing_is_done(load: dict[str, Any]) -> None:
    """Above means above."""
    decision = decide(at(**load), POLICY)
    assert (decision.action, decision.by, decision.desired) == ("none", 0, 5)
    assert list(decision.reasons) == ["steady"]


@pytest.mark.parametrize(
    ("load", "action"),
    [
        ({"cpu_percent": 29, "memory_percent": 29, "queue_length": 1}, "down"),
        ({"cpu_percent": 30, "memory_percent": 29, "queue_length": 1}, "none"),
        ({"cpu_percent": 29, "memory_percent": 30, "queue_length": 1}, "none"),
        ({"cpu_percent": 29, "memory_percent": 29, "queue_length": 2}, "none"),
    ],
)
def test_down_by_one_when_all_is_quiet(load: dict[str, Any], action: str) -> None:
    """Processor and memory and queue, all three below their thresholds."""
    decision = decide(at(**load), POLICY)
    assert (decision.action, decision.desired) == (action, 4 if action == "down" else 5)


@pytest.mark.parametrize(
    ("load", "lanes"),
    [
        ({"queue_length": 11}, 6),
        ({"cpu_percent": 99}, 4),
        ({"memory_percent": 99}, 4),
        ({"cpu_percent": 85, "queue_length": 11}, 4),
        ({"memory_percent": 85, "queue_length": 11}, 4),
        ({"cpu_percent": 84.9, "memory_percent": 84.9, "queue_length": 11}, 6),
    ],
)
def test_lanes_grow_on_the_queue_alone(load: dict[str, Any], lanes: int) -> None:
    """And only while processor and memory are below 85 %; replicas are asked for either way."""
    decision = decide(at(**load), POLICY)
    assert (decision.lanes, decision.desired) == (lanes, 7)


@pytest.mark.parametrize(("bound", "lanes", "after"), [(None, 4, 6), (5, 4, 5), (4, 4, 4), (3, 4, 4), (None, 7, 8)])
def test_self_tuning_has_the_last_word(bound: int | None, lanes: int, after: int) -> None:
    """Lanes never grow beyond its bound, nor beyond the most there may be."""
    decision = decide(replace(at(queue_length=11), bound=bound, lanes=lanes), POLICY)
    assert decision.lanes == after


def test_what_keeps_lanes_back_is_told() -> None:
    """A bound, the most there may be, or a busy machine."""
    crowded = at(queue_length=11)
    assert decide(replace(crowded, bound=4), POLICY).held == {"lanes": "self-tuning allows 4 lanes"}
    assert decide(replace(crowded, lanes=8), POLICY).held == {"lanes": "8 lanes are the most"}
    assert decide(at(cpu_percent=90, queue_length=11), POLICY).held == {
        "lanes": "lanes grow only below 85 % of CPU and memory"
    }


@pytest.mark.parametrize(("start", "lanes", "after"), [(4, 6, 5), (4, 4, 4), (1, 3, 2), (1, 2, 2), (1, 1, 1)])
def test_lanes_shrink_to_where_they_started(start: int, lanes: int, after: int) -> None:
    """And not below the least there may be."""
    quiet = at(replace(NOW, lanes=lanes), cpu_percent=5, memory_percent=5, queue_length=0)
    assert decide(quiet, replace(POLICY, start_lanes=start)).lanes == after


def test_each_cool_down_counts_from_its_own_last_change() -> None:
    """A change of the replicas does not keep the lanes from growing, nor the other way round."""
    crowded = at(queue_length=11)
    lanes_only = decide(replace(crowded, since_replicas=299, desired=7), POLICY)
    assert (lanes_only.action, lanes_only.desired, lanes_only.desired_by, lanes_only.lanes_by) == ("up", 7, 0, 2)
    replicas_only = decide(replace(crowded, since_lanes=299), POLICY)
    assert (replicas_only.action, replicas_only.desired_by, replicas_only.lanes_by) == ("up", 2, 0)
    neither = decide(replace(crowded, since_replicas=10, since_lanes=20, desired=7), POLICY)
    assert (neither.action, neither.by) == ("none", 0)
    assert neither.held == {
        "replicas": "the replicas were changed 10 s ago, and the cool-down is 300 s",
        "lanes": "the lanes were changed 20 s ago, and the cool-down is 300 s",
    }
    assert decide(replace(crowded, since_replicas=300, since_lanes=300), POLICY).by == 2


def test_what_was_wanted_stands_until_its_cool_down_is_over() -> None:
    """A cluster that is slow to follow is not told something else meanwhile; then it starts from what there is."""
    assert decide(replace(NOW, desired=7, since_replicas=30), POLICY).desired == 7
    assert decide(replace(NOW, desired=7, since_replicas=300), POLICY).desired == 5


@pytest.mark.parametrize(("replicas", "desired", "action"), [(19, 20, "up"), (20, 20, "none"), (1, 3, "up")])
def test_no_more_than_the_most(replicas: int, desired: int, action: str) -> None:
    """What does not change anything is no action, and says what kept it."""
    decision = decide(replace(at(cpu_percent=95), replicas=replicas), POLICY)
    assert (decision.desired, decision.action) == (desired, action)
    assert ("replicas" in decision.held) is (action == "none")


@pytest.mark.parametrize(
    ("cpu", "memory", "replicas", "recommended"),
    [(70, 80, 4, 4), (84, 10, 5, 6), (100, 10, 10, 12), (35, 10, 10, 9), (10, 88, 10, 11), (0, 0, 2, 2)],
)
def test_the_recommendation_is_kubernetes_own_rule(cpu: float, memory: float, replicas: int, recommended: int) -> None:
    """`ceil(current * usage / target)`, the larger of the two, a step at most and within the bounds."""
    signals = replace(at(cpu_percent=cpu, memory_percent=memory), replicas=replicas)
    assert decide(signals, POLICY).recommended == recommended


loads = st.builds(
    Load,
    cpu_percent=st.floats(0, 100),
    memory_percent=st.floats(0, 100),
    queue_length=st.integers(0, 50),
)
states = st.builds(
    Signals,
    load=loads,
    replicas=st.integers(0, 40),
    desired=st.none() | st.integers(0, 40),
    since_replicas=st.floats(0, 1000) | st.just(math.inf),
    lanes=st.integers(1, 8),
    since_lanes=st.floats(0, 1000) | st.just(math.inf),
    bound=st.none() | st.integers(1, 10),
)


@given(signals=states)
def test_never_beyond_the_bounds(signals: Signals) -> None:
    """Replicas stay within the fewest and the most, lanes never pass the most, and no step is too long."""
    decision = decide(signals, POLICY)
    assert POLICY.minimum <= decision.desired <= POLICY.maximum
    assert POLICY.minimum <= decision.recommended <= POLICY.maximum
    assert decision.lanes <= POLICY.max_lanes
    assert -POLICY.step_down <= decision.lanes_by <= POLICY.step_up
    assert -POLICY.step_down <= decision.desired_by <= POLICY.step_up
    assert decision.lanes >= min(signals.lanes, POLICY.least_lanes)
    if signals.bound is not None:
        assert decision.lanes <= max(signals.lanes, signals.bound)


@given(signals=states)
def test_the_action_is_what_is_done(signals: Signals) -> None:
    """Up only adds, down only takes away, none does nothing; there is always a reason."""
    decision = decide(signals, POLICY)
    changes = {decision.desired_by, decision.lanes_by} - {0}
    assert decision.action == ("none" if not changes else "up" if min(changes) > 0 else "down")
    assert not changes or (min(changes) > 0) == (max(changes) > 0)
    assert decision.reasons


@given(signals=states, cpu=st.floats(0, 100), memory=st.floats(0, 100), queue=st.integers(0, 50))
def test_more_load_never_asks_for_fewer_replicas(signals: Signals, cpu: float, memory: float, queue: int) -> None:
    """Monotone in processor, memory and queue, whatever else holds."""
    load = signals.load
    heavier = at(
        signals,
        cpu_percent=max(load.cpu_percent, cpu),
        memory_percent=max(load.memory_percent, memory),
        queue_length=max(load.queue_length, queue),
    )
    less, more = decide(signals, POLICY), decide(heavier, POLICY)
    assert more.desired >= less.desired
    assert more.recommended >= less.recommended


@given(trace=st.lists(loads, min_size=2, max_size=80), replicas=st.integers(2, 20), follows=st.booleans())
def test_never_two_changes_inside_a_cool_down(trace: list[Load], replicas: int, follows: bool) -> None:
    """Neither of the replicas nor of the lanes, whatever the load does."""
    replay = Replay(replicas=replicas, follows=follows)
    decided = [replay.round(load) for load in trace]
    for changed in ([each.desired_by for each in decided], [each.lanes_by for each in decided]):
        rounds = [number for number, by in enumerate(changed) if by]
        assert all((later - earlier) * EVERY >= POLICY.cooldown for earlier, later in pairwise(rounds))
