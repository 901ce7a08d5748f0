"""What is written down: every run once, a defect with its traceback and without its text in the answer."""

from contextlib import suppress

import pytest
from structlog.testing import capture_logs

from bullpen.agents import AgentDefinition
from bullpen.caller import Caller
from bullpen.errors import Cancelled, GuardrailRefused, ModelUnavailable, PoolExhausted, Unexpected
from bullpen.execution.record import Counters, Observe, Record, Spend, unobserved
from bullpen.llm.run import ModelRun
from bullpen.pool import Lane
from bullpen.resilience import Deadline
from bullpen.security.audit import Audit
from bullpen.telemetry import Metrics
from tests.stubs.booking import model_run
from tests.stubs.clock import StillClock
from tests.stubs.kept import Kept

ANN = Caller(user_id="ann", tenant="acme", credential="api_key:a1")
LANE = Lane(name="actor_0", agent=None, wait=2.0)


def record(
    metrics: Metrics,
    run: ModelRun | None = None,
    *,
    audit: Audit | None = None,
    spend: Spend | None = None,
    observe: Observe = unobserved,
) -> Record:
    definition = AgentDefinition(type="actor", task_category="greeting")
    return Record(
        run or model_run(),
        caller=ANN,
        task_length=5,
        counters=Counters(metrics, definition=definition, model="m", observe=observe),
        audit=audit or Audit(Kept()),
        spend=spend,
    )


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


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        (GuardrailRefused("no"), False),
        (Cancelled("left"), False),
        (GeneratorExit(), False),
        (ModelUnavailable("away"), True),
        (PoolExhausted("full"), True),
        (ValueError("a defect"), True),
    ],
)
def test_a_run_failed_when_the_service_failed_it(error: BaseException, failed: bool) -> None:
    """What the caller must change, or does not want any more, is no reason to scale."""
    heard: list[bool] = []

    def observe(_duration: float, /, *, ok: bool) -> None:
        heard.append(ok)

    with suppress(BaseException), record(Metrics(), observe=observe).kept():
        raise error
    assert heard == [not failed]


def test_overhead_is_what_was_neither_waiting_nor_away() -> None:
    """Ten seconds, of which two were a wait and seven the model's, leave one of ours; it is measured as well."""
    clock, metrics = StillClock(), Metrics()
    run = model_run(deadline=Deadline.after(60, clock=clock))
    kept = record(metrics, run)
    kept.granted(LANE)
    with run.away():
        clock.pass_time(7)
    clock.pass_time(3)
    answer = kept.answer("done", LANE)
    assert (answer.duration, answer.queue_wait, answer.overhead) == (10, 2, 1)
    assert metrics.registry.get_sample_value("bullpen_gateway_overhead_seconds_sum") == 1


def test_overhead_is_never_negative() -> None:
    """Time that counts twice, as a wait and as the model's, gives nothing back."""
    kept = record(Metrics())
    kept.granted(LANE)
    assert kept.answer("done", LANE).overhead == 0


@pytest.mark.parametrize(("answered", "told"), [("gpt-4o-mini-2024", "gpt-4o-mini-2024"), ("", "m")])
def test_an_answer_names_the_model_that_answered(answered: str, told: str) -> None:
    """Not the one that was asked first, unless nobody else is known; the metrics keep to the catalogue's name."""
    metrics = Metrics()
    assert record(metrics, model_run(model=answered)).answer("done", LANE).model == told
    labels = {"agent_type": "actor", "model": "m", "status": "success"}
    assert metrics.registry.get_sample_value("bullpen_agent_requests_total", labels) == 1


@pytest.mark.parametrize("error", [None, PoolExhausted("full")])
def test_a_run_is_one_line_with_everything_to_find_it_by(error: Exception | None) -> None:
    """Who, what, how it ended and how long it took and waited: no text of the task or the answer."""
    clock = StillClock()
    kept = record(Metrics(), model_run(deadline=Deadline.after(60, clock=clock)))
    with capture_logs() as logged, suppress(PoolExhausted), kept.kept():
        kept.granted(LANE)
        clock.pass_time(3)
        if error is not None:
            raise error
        kept.answer("done", LANE)
    ended = {"status": "success"} if error is None else {"status": "error", "error": "pool_exhausted"}
    found = {"run_id": "run_1", "tenant": "acme", "agent_type": "actor", "duration": 3, "queue_wait": 2}
    assert logged == [{"event": "run", "log_level": "info", **found, **ended}]


@pytest.mark.parametrize("error", [None, PoolExhausted("full")])
async def test_a_run_is_one_event_without_its_words(error: Exception | None) -> None:
    """Who ran which agent, how long the task was and how it ended; what was said is not there to be found."""
    kept = Kept()
    audit = Audit(kept)
    told = record(Metrics(), audit=audit)
    with suppress(PoolExhausted), told.kept():
        if error is not None:
            raise error
        told.answer("private", LANE)
    await audit.commit()
    (event,) = kept.events
    ended = ("success", {}) if error is None else ("error", {"error": "pool_exhausted"})
    assert (event.type, event.actor, event.outcome) == ("agent_execution", "ann", ended[0])
    assert event.details == {"agent_type": "actor", "task_length": 5, "run_id": "run_1", **ended[1]}


@pytest.mark.parametrize("error", [None, PoolExhausted("full")])
def test_the_tokens_of_a_run_are_spent_once(error: Exception | None) -> None:
    """Also those of a run that failed: they were used."""
    spent: list[int] = []
    told = record(Metrics(), model_run(input_tokens=7, output_tokens=3), spend=spent.append)
    with suppress(PoolExhausted), told.kept():
        if error is not None:
            raise error
        told.answer("done", LANE)
    assert spent == [10]
