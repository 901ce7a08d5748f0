"""What scaling and self-tuning look at."""

import math

from bullpen.operations.signals import Load, Signals, export
from bullpen.operations.traffic import Traffic
from bullpen.telemetry import Metrics
from tests.stubs.clock import StillClock
from tests.stubs.exposition import Exposition
from tests.stubs.machine import Crowding, Machine, ScriptedLanes

LOAD = Load(
    requests_per_minute=2,
    mean_response=3.0,
    p95_response=4.5,
    error_rate=0.5,
    queue_length=7,
    pending=10,
    failed_last_hour=1,
    cpu_percent=61.0,
    memory_percent=42.0,
)


def test_the_load_is_of_runs_pool_and_machine() -> None:
    """Each figure comes from where it is known; pending is what waits and what runs."""
    traffic, pool = Traffic(clock=StillClock()), ScriptedLanes()
    traffic.observe(2.0, ok=True)
    traffic.observe(4.0, ok=False)
    pool.crowding = Crowding(waiting=7, in_use=3)
    load = Machine(cpu=61, memory=42).instruments(pool, traffic).load()
    assert (load.requests_per_minute, load.mean_response, load.error_rate, load.failed_last_hour) == (2, 3.0, 0.5, 1)
    assert (load.queue_length, load.pending, load.cpu_percent, load.memory_percent) == (7, 10, 61, 42)


def test_every_figure_is_a_gauge() -> None:
    """So that a cluster can scale on any of them."""
    metrics = Metrics()
    export(LOAD, metrics)
    scrape = Exposition(metrics.render().decode())
    for name, figure in (
        ("requests_per_minute", 2),
        ("error_ratio", 0.5),
        ("queue_length", 7),
        ("pending", 10),
        ("failed_last_hour", 1),
    ):
        assert scrape.value(f"bullpen_scaling_{name}") == figure
    assert scrape.value("bullpen_scaling_response_seconds", statistic="mean") == 3.0
    assert scrape.value("bullpen_scaling_response_seconds", statistic="p95") == 4.5
    assert scrape.value("bullpen_scaling_usage_percent", resource="cpu") == 61
    assert scrape.value("bullpen_scaling_usage_percent", resource="memory") == 42


def test_signals_are_shown_flat_and_as_json_can_have_them() -> None:
    """The load beside the state; infinity is nothing JSON knows."""
    shown = Signals(load=LOAD, since_replicas=math.inf, since_lanes=12.34567, bound=3).as_dict()
    assert (shown["cpu_percent"], shown["since_replicas"], shown["since_lanes"], shown["bound"]) == (
        61,
        None,
        12.346,
        3,
    )
    assert "load" not in shown
