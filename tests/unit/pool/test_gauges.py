"""The pool's metrics."""

import pytest

from bullpen.pool.gauges import Gauges
from bullpen.telemetry import Metrics
from tests.stubs.exposition import Exposition


def test_what_is_told_is_shown() -> None:
    """Lanes, those who wait by the priority they have now, and refusals by reason."""
    metrics = Metrics()
    gauges = Gauges(metrics, ["a", "b"])
    gauges.size(4)
    gauges.lent("a", 1, in_use=3, lanes=4)
    gauges.waiting([0, 2, 0, 0, 1])
    gauges.waiting([0, 0, 0, 0, 1])
    gauges.refuse("full")
    gauges.waited("a", 2.0)
    gauges.held(3.0)
    scrape = Exposition(metrics.render().decode())
    assert scrape.value("bullpen_pool_size") == 4
    assert scrape.value("bullpen_active_agents", agent_type="a") == 1
    assert scrape.value("bullpen_pool_utilization_percent") == pytest.approx(75)
    assert scrape.value("bullpen_task_queue_size") == 1
    assert scrape.value("bullpen_lane_queue_size", priority="2") == 0
    assert scrape.value("bullpen_lane_queue_size", priority="5") == 1
    assert scrape.value("bullpen_lane_refusals_total", reason="full") == 1
    assert scrape.value("bullpen_queue_wait_seconds_sum", agent_type="a") == 2
    assert scrape.value("bullpen_task_processing_time_seconds_sum") == 3
    assert gauges.refused == {"full": 1, "displaced": 0, "deadline": 0, "timeout": 0}


def test_lanes_in_use_are_read_when_somebody_looks() -> None:
    """As they are then, however often they changed, and for every type; none before the first."""
    metrics = Metrics()
    gauges = Gauges(metrics, ["a", "b"])
    assert Exposition(metrics.render().decode()).value("bullpen_pool_utilization_percent") == 0
    for used in (1, 2, 1):
        gauges.lent("b", used, in_use=used, lanes=2)
    scrape = Exposition(metrics.render().decode())
    assert scrape.value("bullpen_active_agents", agent_type="a") == 0
    assert scrape.value("bullpen_active_agents", agent_type="b") == 1
    assert scrape.value("bullpen_pool_utilization_percent") == 50
