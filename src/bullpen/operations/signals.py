"""What scaling and self-tuning look at."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

from bullpen.operations.ports import Lanes
from bullpen.operations.traffic import Traffic
from bullpen.telemetry import Metrics
from bullpen.telemetry.usage import Usage

__all__ = ["Instruments", "Load", "Signals", "export"]

_DIGITS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What was measured of this process and of its machine or container.

    Attributes:
        requests_per_minute: Runs that ended in the last minute.
        mean_response: Mean seconds of a run, over five minutes.
        p95_response: Seconds within which 95 of 100 runs ended, over five minutes.
        error_rate: Share of runs that failed, in [0, 1], over five minutes.
        queue_length: Requests that wait for a lane.
        pending: The same and the runs that go on.
        failed_last_hour: Runs that failed in the last hour.
        cpu_percent: Of the container's quota, or of the machine.
        memory_percent: Of the container's limit, or of the machine.
    """

    requests_per_minute: int = 0
    mean_response: float = 0.0
    p95_response: float = 0.0
    error_rate: float = 0.0
    queue_length: int = 0
    pending: int = 0
    failed_last_hour: int = 0
    cpu_percent: float = 0.0
    memory_percent: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """All that a decision depends on: the load, and what was decided before.

    Attributes:
        load: What was measured.
        replicas: How many there are now.
        desired: How many were wanted at the last decision; None before the first.
        since_replicas: Seconds since the number wanted was last changed; infinite when it never was.
        lanes: How many this process has now, before any bound.
        since_lanes: Seconds since they were last changed; infinite when they never were.
        bound: The most lanes self-tuning allows now; None when it does not mind.
    """

    load: Load = Load()
    replicas: int = 1
    desired: int | None = None
    since_replicas: float = math.inf
    lanes: int = 1
    since_lanes: float = math.inf
    bound: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """As shown to callers; what never happened was null seconds ago."""
        shown = {**asdict(self.load), **asdict(self)}
        del shown["load"]
        return {name: _plain(value) for name, value in shown.items()}


def _plain(value: float | None) -> float | None:
    if not isinstance(value, float):
        return value
    return round(value, _DIGITS) if math.isfinite(value) else None


class Instruments:
    """Reads the load, for whoever asks.

    Attributes:
        usage: What the processor and the memory do now.
    """

    def __init__(self, *, traffic: Traffic, pool: Lanes, usage: Callable[[], Usage]) -> None:
        """`usage` is asked often, and answers at once."""
        self.usage = usage
        self._traffic = traffic
        self._pool = pool

    def load(self) -> Load:
        """The load now; takes a fraction of a millisecond and waits for nothing."""
        figures, pressure, usage = self._traffic.figures(), self._pool.pressure(), self.usage()
        return Load(
            requests_per_minute=figures.requests_per_minute,
            mean_response=figures.mean_response,
            p95_response=figures.p95_response,
            error_rate=figures.error_rate,
            queue_length=pressure.waiting,
            pending=pressure.waiting + pressure.in_use,
            failed_last_hour=figures.failed_last_hour,
            cpu_percent=usage.cpu_percent,
            memory_percent=usage.memory_percent,
        )


def export(load: Load, metrics: Metrics) -> None:
    """Shows the load as gauges, for a cluster to scale replicas on."""
    metrics.scaling_requests_per_minute.set(load.requests_per_minute)
    metrics.scaling_response_seconds.labels("mean").set(load.mean_response)
    metrics.scaling_response_seconds.labels("p95").set(load.p95_response)
    metrics.scaling_error_ratio.set(load.error_rate)
    metrics.scaling_queue_length.set(load.queue_length)
    metrics.scaling_pending.set(load.pending)
    metrics.scaling_failed_last_hour.set(load.failed_last_hour)
    metrics.scaling_usage_percent.labels("cpu").set(load.cpu_percent)
    metrics.scaling_usage_percent.labels("memory").set(load.memory_percent)
