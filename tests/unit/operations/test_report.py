"""What the findings come to."""

import pytest

from bullpen.operations.dependency import Finding, State
from bullpen.operations.report import Report
from bullpen.telemetry import Lateness


def found(state: State, *, required: bool) -> Finding:
    return Finding(state=state, required=required, age=0, latency=0, since=0, failures=0)


@pytest.mark.parametrize(
    ("required", "optional", "status", "ready"),
    [
        ("up", "up", "ok", True),
        ("up", "failing", "degraded", True),
        ("up", "down", "degraded", True),
        ("failing", "up", "degraded", True),
        ("down", "up", "down", False),
        ("down", "down", "down", False),
    ],
)
def test_ready_is_per_dependency(required: State, optional: State, status: str, ready: bool) -> None:
    """Only a required one that is down takes the replica out (promise P18)."""
    report = Report.of(
        {"database": found(required, required=True), "redis": found(optional, required=False)}, draining=False
    )
    assert (report.status, report.ready) == (status, ready)


def test_a_draining_replica_is_not_ready_though_it_is_well() -> None:
    """The balancer is told to send nothing new; nothing is broken."""
    report = Report.of({"database": found("up", required=True)}, draining=True)
    assert (report.status, report.ready, report.draining) == ("ok", False, True)


def test_the_loop_is_told_where_it_is_measured() -> None:
    """And left out where it is not."""
    assert "event_loop" not in Report.of({}, draining=False).as_dict()
    lateness = Lateness(window=60, longest=1.5, p99=0.002)
    shown = Report.of({}, draining=False, event_loop=lateness).as_dict()
    assert shown["event_loop"] == {"window": 60, "lag_max_ms": 1500.0, "lag_p99_ms": 2.0}
