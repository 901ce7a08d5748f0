"""What is written down: every run once, a defect with its traceback and without its text in the answer."""

import pytest

from bullpen.agents import AgentDefinition
from bullpen.errors import PoolExhausted, Unexpected
from bullpen.execution.record import Record
from bullpen.llm.run import ModelRun
from bullpen.pool import Lane
from bullpen.telemetry import Metrics
from tests.stubs.house import soon


def record(metrics: Metrics) -> Record:
    run = ModelRun(
        run_id="run_1", session_id="ses_1", tenant="acme", user_id="ann", agent_type="actor", deadline=soon()
    )
    return Record(definition=AgentDefinition(type="actor"), run=run, model="m", metrics=metrics)


def count(metrics: Metrics, kind: str) -> float:
    return metrics.registry.get_sample_value("bullpen_errors_total", {"error_type": kind, "agent_type": "actor"}) or 0


def test_a_foreign_exception_becomes_ours_and_keeps_its_text_to_itself() -> None:
    """A defect is told as a defect: the run's id, and nothing of the exception."""
    metrics = Metrics()
    with pytest.raises(Unexpected) as caught, record(metrics).kept():
        raise ValueError("private")
    assert "run_1" in caught.value.detail
    assert "private" not in caught.value.detail
    assert count(metrics, "unexpected_error") == 1


def test_an_error_of_ours_passes_unchanged() -> None:
    """A kind that has a name keeps it."""
    metrics = Metrics()
    error = PoolExhausted("full")
    with pytest.raises(PoolExhausted) as caught, record(metrics).kept():
        raise error
    assert caught.value is error
    assert count(metrics, "pool_exhausted") == 1


def test_a_reader_who_stops_is_a_cancelled_run() -> None:
    """Closing a stream early is counted as cancelled, and closes it."""
    metrics = Metrics()
    with pytest.raises(GeneratorExit), record(metrics).kept():
        raise GeneratorExit
    assert count(metrics, "cancelled") == 1


def test_overhead_is_what_was_neither_waiting_nor_away() -> None:
    """A wait longer than the run itself cannot make the overhead negative."""
    kept = record(Metrics())
    lane = Lane(name="actor_0", agent=None, wait=1000.0)
    kept.granted(lane)
    assert kept.answer("done", lane).overhead == 0
