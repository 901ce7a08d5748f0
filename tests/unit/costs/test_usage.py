"""Booked attempts."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from bullpen.costs.usage import MeteredUsage
from bullpen.llm.ports import Attempt, ModelName, Outcome, UsageSink
from bullpen.telemetry import Metrics
from tests.stubs.exposition import Exposition

GPT = ModelName("openai", "gpt-4o")
ATTEMPT = Attempt(
    run_id="run_1",
    number=2,
    tenant="acme",
    user_id="ann",
    agent_type="general",
    model=GPT,
    input_tokens=1000,
    output_tokens=100,
    cost=3500,
    estimated=False,
    counted=True,
    outcome="success",
    duration=0.25,
)


def book(*attempts: Attempt, known: set[ModelName]) -> Exposition:
    """The metrics after these attempts."""
    metrics = Metrics()
    usage: UsageSink = MeteredUsage(metrics=metrics, known=known)
    for attempt in attempts:
        usage.record(attempt)
    return Exposition(metrics.render().decode())


def test_an_attempt_is_counted_once_everywhere() -> None:
    """Calls, outcome, tokens by direction and dollars, under the model's name."""
    scrape = book(ATTEMPT, ATTEMPT, known={GPT})
    assert scrape.value("bullpen_model_calls_total", provider="openai", model="gpt-4o") == 2
    assert scrape.value("bullpen_model_call_outcomes_total", model="gpt-4o", outcome="success") == 2
    assert scrape.value("bullpen_tokens_used_total", type="input", model="gpt-4o") == 2000
    assert scrape.value("bullpen_tokens_used_total", type="output", model="gpt-4o") == 200
    assert scrape.value("bullpen_api_cost_dollars_total", provider="openai", model="gpt-4o") == pytest.approx(0.007)


@pytest.mark.parametrize("outcome", ["success", "error", "timeout", "cancelled"])
def test_a_lost_attempt_is_charged_all_the_same(outcome: Outcome) -> None:
    """Whatever came of it, what was spent is booked."""
    scrape = book(replace(ATTEMPT, outcome=outcome, counted=False, estimated=True), known={GPT})
    assert scrape.value("bullpen_model_call_outcomes_total", outcome=outcome) == 1
    assert scrape.value("bullpen_api_cost_dollars_total") == pytest.approx(0.0035)


def test_made_up_models_are_counted_as_other() -> None:
    """No name a caller or a provider invents becomes a series."""
    scrape = book(*(replace(ATTEMPT, model=ModelName("x", str(n))) for n in range(50)), known={GPT})
    assert scrape.value("bullpen_model_calls_total", provider="other", model="other") == 50
    assert scrape.value("bullpen_model_calls_total") == 50


def test_one_line_an_attempt_with_everything_that_was_booked() -> None:
    """The line is the ledger until there is one: every field of the attempt is in it."""
    with capture_logs() as logged:
        book(ATTEMPT, known=set())
    assert logged == [
        {
            "event": "model_attempt",
            "log_level": "info",
            "run_id": "run_1",
            "number": 2,
            "tenant": "acme",
            "user_id": "ann",
            "agent_type": "general",
            "model": "openai:gpt-4o",
            "input_tokens": 1000,
            "output_tokens": 100,
            "cost_micros": 3500,
            "estimated": False,
            "counted": True,
            "outcome": "success",
            "duration": 0.25,
        }
    ]


def test_a_line_tells_what_was_lost_or_guessed() -> None:
    """An answer nobody used, tokens nobody told and how it ended are in the line as they were in the attempt."""
    with capture_logs() as logged:
        book(replace(ATTEMPT, counted=False, estimated=True, outcome="cancelled"), known=set())
    assert [(line["counted"], line["estimated"], line["outcome"]) for line in logged] == [(False, True, "cancelled")]


def test_failure_mode_never_raises_on_what_a_provider_says() -> None:
    """Negative tokens count as none."""
    scrape = book(replace(ATTEMPT, input_tokens=-1, output_tokens=-1, cost=-1), known={GPT})
    assert scrape.value("bullpen_tokens_used_total") == 0
    assert scrape.value("bullpen_model_calls_total") == 1
