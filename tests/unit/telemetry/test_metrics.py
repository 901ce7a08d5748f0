"""The table of metrics."""

import re
import time

import prometheus_client
import pytest

from bullpen.telemetry import CONTENT_TYPE, Metrics
from tests.stubs.exposition import Exposition


def test_every_metric_has_our_prefix_and_its_attributes_name() -> None:
    """An attribute is named as its metric is, so that a name in code can be found in a dashboard."""
    metrics = Metrics()
    attributes = {name for name in vars(metrics) if name != "registry" and not name.startswith("_")}
    assert Exposition(metrics.render().decode()).names == {f"bullpen_{name}" for name in attributes}


def test_names_tell_what_is_counted() -> None:
    """Counters end in `_total`, and nothing else does."""
    for family in Metrics().registry.collect():
        assert re.fullmatch(r"bullpen_[a-z_]+", family.name)
        assert not family.name.endswith("_total")
        assert family.documentation


def test_a_scrape_has_no_series_that_the_table_does_not_declare() -> None:
    """The library's `_created` twins are switched off."""
    metrics = Metrics()
    metrics.errors_total.labels("not_found", "general").inc()
    metrics.queue_wait_seconds.labels("general").observe(0.2)
    assert "_created" not in metrics.render().decode()


def test_two_processes_worth_of_metrics_do_not_meet() -> None:
    """Each instance has a registry of its own, and none uses the library's global one."""
    one, other = Metrics(), Metrics()
    one.task_queue_size.set(3)
    assert Exposition(other.render().decode()).value("bullpen_task_queue_size") == 0
    assert not any(family.name.startswith("bullpen") for family in prometheus_client.REGISTRY.collect())


def test_a_scrape_says_who_it_is_and_what_it_uses() -> None:
    """Version and memory are there from the first scrape, in the format the content type promises."""
    scrape = Exposition(Metrics(version="1.2.3").render().decode())
    assert scrape.value("bullpen_build_info", version="1.2.3") == 1
    assert scrape.value("bullpen_memory_usage_bytes") > 1_000_000
    assert CONTENT_TYPE == prometheus_client.exposition.CONTENT_TYPE_PLAIN_0_0_4


def test_a_scrape_tells_the_processors_time_since_the_last_one() -> None:
    """Work between two scrapes shows in the second, whoever made the first."""
    metrics = Metrics()
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    assert Exposition(metrics.render().decode()).value("bullpen_cpu_usage_percent") > 0


@pytest.mark.parametrize("name", ["gateway_overhead_seconds", "event_loop_lag_seconds"])
def test_what_should_be_short_is_measured_finely(name: str) -> None:
    """A millisecond more is seen, where a run's own buckets begin at five."""
    metrics = Metrics()
    getattr(metrics, name).observe(0.0007)
    scrape = Exposition(metrics.render().decode())
    assert scrape.value(f"bullpen_{name}_bucket", le="0.0005") == 0
    assert scrape.value(f"bullpen_{name}_bucket", le="0.001") == 1
