"""The pool's metrics, each label looked up once."""

from collections.abc import Sequence
from functools import partial
from typing import Final, Literal, TypeAlias

from bullpen.pool.tenants import LEVELS
from bullpen.telemetry import Metrics

__all__ = ["Gauges", "Refusal"]

Refusal: TypeAlias = Literal["full", "displaced", "deadline", "timeout"]
"""Why no lane was lent: too many wait, somebody took the place, it would have come too late, it did not come."""

_POOL_TYPE: Final = "agent_pool"
_REFUSALS: Final[tuple[Refusal, ...]] = ("full", "displaced", "deadline", "timeout")


class Gauges:
    """Shows lanes, those who wait, and those who were refused."""

    def __init__(self, metrics: Metrics, agent_types: Sequence[str]) -> None:
        self.refused: dict[str, int] = dict.fromkeys(_REFUSALS, 0)
        self._used = dict.fromkeys(agent_types, 0)
        self._in_use, self._lanes = 0, 1
        self._waits = {agent_type: metrics.queue_wait_seconds.labels(agent_type) for agent_type in agent_types}
        self._durations = metrics.task_processing_time_seconds
        self._size = metrics.pool_size.labels(_POOL_TYPE)
        self._waiting = metrics.task_queue_size
        self._priorities = [metrics.lane_queue_size.labels(str(number + 1)) for number in range(LEVELS)]
        self._shown = [0] * LEVELS
        self._refusals = {reason: metrics.lane_refusals_total.labels(reason) for reason in _REFUSALS}
        # Read by whoever looks at them: to set them for each lane, out and back, would be a fifth of what it costs.
        metrics.follow(metrics.pool_utilization_percent.labels(_POOL_TYPE), self._utilization)
        for agent_type in agent_types:
            metrics.follow(metrics.active_agents.labels(agent_type), partial(self._used.__getitem__, agent_type))

    def size(self, lanes: int) -> None:
        """So many lanes there are."""
        self._size.set(lanes)

    def lent(self, agent_type: str, used: int, *, in_use: int, lanes: int) -> None:
        """Lanes of this type, and all of them, that are out."""
        self._used[agent_type] = used
        self._in_use, self._lanes = in_use, lanes

    def waited(self, agent_type: str, seconds: float) -> None:
        """Somebody has a lane, after so long."""
        self._waits[agent_type].observe(seconds)

    def held(self, seconds: float) -> None:
        """A lane came back, after so long."""
        self._durations.observe(seconds)

    def waiting(self, priorities: Sequence[int]) -> None:
        """Those who wait, by priority."""
        if priorities == self._shown:
            return
        self._waiting.set(sum(priorities))
        for gauge, before, now in zip(self._priorities, self._shown, priorities, strict=True):
            if now != before:
                gauge.set(now)
        self._shown = list(priorities)

    def refuse(self, reason: Refusal) -> None:
        """One more was refused."""
        self.refused[reason] += 1
        self._refusals[reason].inc()

    def _utilization(self) -> float:
        return 100 * self._in_use / self._lanes
