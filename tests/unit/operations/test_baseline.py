"""How it is, beside how it should be."""

from typing import Any

import pytest

from bullpen.operations.baseline import measured
from bullpen.operations.signals import Load
from bullpen.operations.tuning import Baselines
from tests.stubs.machine import Machine

MIB = 1024 * 1024


def figures(machine: Machine | None = None, **load: Any) -> dict[str, dict[str, Any]]:
    return measured(Baselines(), load=Load(**load), usage=(machine or Machine()).usage())


def test_the_baselines_are_the_documented_ones() -> None:
    """15 s, 50 MB an agent, 10 % of a core a request, 100 requests a minute."""
    assert {name: each["baseline"] for name, each in figures().items()} == {
        "response": 15.0,
        "memory_per_agent": 50 * MIB,
        "cpu_per_request": 10.0,
        "requests_per_minute": 100.0,
    }


def test_the_process_is_shared_out_among_what_runs() -> None:
    """Those who wait use nothing yet."""
    machine = Machine()
    machine.resident, machine.process_cpu = 240 * MIB, 60.0
    found = figures(machine, pending=9, queue_length=5)
    assert found["memory_per_agent"] == {"baseline": 50 * MIB, "measured": 60.0 * MIB, "met": False}
    assert found["cpu_per_request"] == {"baseline": 10.0, "measured": 15.0, "met": False}


def test_nothing_runs_and_nothing_is_missed() -> None:
    """An idle process is no process that does badly."""
    found = figures()
    assert found["memory_per_agent"]["measured"] is None
    assert all(each["met"] for each in found.values())


@pytest.mark.parametrize(("rate", "waiting", "met"), [(100, 5, True), (99, 5, False), (3, 0, True)])
def test_a_low_rate_counts_only_while_somebody_waits(rate: int, waiting: int, met: bool) -> None:
    """Few requests may be all there are."""
    assert figures(requests_per_minute=rate, queue_length=waiting, pending=waiting)["requests_per_minute"]["met"] is met


@pytest.mark.parametrize(("response", "met"), [(15.0, True), (15.1, False)])
def test_slow_runs_are_told(response: float, met: bool) -> None:
    """The mean of the last five minutes."""
    assert figures(mean_response=response)["response"] == {"baseline": 15.0, "measured": response, "met": met}
