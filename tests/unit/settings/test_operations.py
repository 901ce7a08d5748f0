"""The settings of scaling and self-tuning."""

from typing import Any

import pytest

from bullpen.errors import Misconfigured
from bullpen.operations import Baselines, Policy, Ranges
from bullpen.settings import Settings


def problems(**given: Any) -> str:
    with pytest.raises(Misconfigured) as caught:
        Settings.load(**given)
    return str(caught.value)


def test_the_defaults_are_those_of_the_rooms() -> None:
    """A setting that is left out means what the room would do by itself."""
    settings, policy, baselines, ranges = Settings(), Policy(), Baselines(), Ranges()
    scaling, tuning = settings.scaling, settings.tuning
    assert (scaling.min, scaling.max) == (policy.minimum, policy.maximum)
    same = ("cpu_target", "memory_target", "up_above", "down_below", "queue_above", "queue_below")
    for name in (*same, "step_up", "step_down", "cooldown"):
        assert getattr(scaling, name) == getattr(policy, name)
    for name in ("response", "memory_per_agent", "cpu_per_request", "requests_per_minute"):
        assert getattr(tuning, name) == getattr(baselines, name)
    for name in ("memory_high", "memory_low", "cpu_high", "cpu_low", "least_lanes"):
        assert getattr(tuning, name) == getattr(ranges, name)
    assert tuning.lane_step == ranges.step
    assert settings.max_concurrent_agents == policy.start_lanes == policy.max_lanes


@pytest.mark.parametrize(
    ("group", "given", "named"),
    [
        ("scaling", {"min": 5, "max": 4}, "MIN is more than MAX"),
        ("scaling", {"down_below": 85}, "DOWN_BELOW"),
        ("scaling", {"queue_below": 11}, "QUEUE_BELOW"),
        ("scaling", {"start_lanes": 9, "max_lanes": 8}, "START_LANES"),
        ("tuning", {"memory_low": 85}, "MEMORY_LOW"),
        ("tuning", {"cpu_low": 95}, "CPU_LOW"),
    ],
)
def test_thresholds_that_would_swing_are_refused(group: str, given: dict[str, float], named: str) -> None:
    """The same load must not ask for two things that undo each other."""
    told = problems(**{group: given})
    assert named in told


@pytest.mark.parametrize(
    ("group", "given"),
    [("scaling", {"min": 0}), ("scaling", {"up_above": 101}), ("tuning", {"lane_step": 0.6}), ("tuning", {"evry": 1})],
)
def test_what_makes_no_sense_is_refused(group: str, given: dict[str, float]) -> None:
    """Out of range, or not known."""
    assert group.upper() in problems(**{group: given})
