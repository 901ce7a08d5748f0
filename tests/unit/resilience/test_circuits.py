"""The breakers by name, and what others see of them."""

import pytest
from structlog.testing import capture_logs

from bullpen.resilience.breaker import BreakerPolicy
from bullpen.resilience.circuits import Circuit, Circuits, circuit_open
from bullpen.telemetry import Metrics

OPEN = BreakerPolicy(failures=1)


def made(metrics: Metrics, *, most: int = 1000) -> Circuits[Circuit]:
    return Circuits(Circuit, policy=OPEN, metrics=metrics, most=most)


def fail(circuits: Circuits[Circuit], name: str) -> None:
    circuit = circuits[name]
    circuit.breaker.leave(circuit.breaker.turn, "failure", 1000.0)
    circuits.show(circuit)


def test_the_same_name_is_the_same_breaker() -> None:
    """And one that was never asked for is none."""
    circuits = made(Metrics())
    assert circuits.get("openai:gpt-4o") is None
    assert circuits["openai:gpt-4o"] is circuits["openai:gpt-4o"] is circuits.get("openai:gpt-4o")


def test_a_change_is_shown_once() -> None:
    """In the log, and in both metrics, with the name in two labels."""
    metrics = Metrics()
    circuits = made(metrics)
    with capture_logs() as logs:
        fail(circuits, "vllm:qwen:7b")
        circuits.show(circuits["vllm:qwen:7b"])
    assert [(each["event"], each["log_level"], each["model"], each["failures"], each["calls"]) for each in logs] == [
        ("circuit_opened", "warning", "vllm:qwen:7b", 1, 1)
    ]
    told = metrics.render().decode()
    assert 'bullpen_breaker_state{model="qwen:7b",provider="vllm"} 2.0' in told
    assert 'bullpen_breaker_transitions_total{model="qwen:7b",provider="vllm",state="open"} 1.0' in told


def test_a_model_that_works_has_a_figure_too() -> None:
    """From its first call on: nothing open is a figure, not a gap."""
    metrics = Metrics()
    made(metrics)["openai:gpt-4o"]
    assert 'bullpen_breaker_state{model="gpt-4o",provider="openai"} 0.0' in metrics.render().decode()


def test_there_are_never_more_than_so_many() -> None:
    """One that is closed makes room before one that is open; if all are open, the oldest does."""
    circuits = made(Metrics(), most=3)
    for number in range(3):
        circuits[f"a:{number}"]
    fail(circuits, "a:0")
    circuits["a:3"]
    assert [each.name for each in circuits] == ["a:0", "a:2", "a:3"]
    fail(circuits, "a:2")
    fail(circuits, "a:3")
    circuits["a:4"]
    assert [each.name for each in circuits] == ["a:2", "a:3", "a:4"]


def test_looking_shows_that_an_opening_is_over() -> None:
    """An open one is half-open after its time, though nobody called."""
    metrics = Metrics()
    circuits = made(metrics)
    fail(circuits, "openai:gpt-4o")
    [standing] = circuits.standings(1060.0, shared=True)
    assert (standing["state"], standing["retry_after"], standing["shared"]) == ("half_open", 0, True)
    assert 'bullpen_breaker_state{model="gpt-4o",provider="openai"} 1.0' in metrics.render().decode()


@pytest.mark.parametrize(("wait", "told", "retry_after"), [(41.2, "42 s", 41.2), (0.001, "1 s", 0.1)])
def test_a_refusal_says_what_to_do(wait: float, told: str, retry_after: float) -> None:
    """When to ask again, which is never this very moment."""
    refused = circuit_open("openai:gpt-4o", wait=wait)
    assert refused.retry_after == retry_after
    assert told in refused.detail
    assert "openai:gpt-4o" in refused.detail
