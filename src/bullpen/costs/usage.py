"""Where attempts are booked until there is a ledger: the metrics and the log."""

from collections.abc import Container
from typing import Final

import structlog

from bullpen.costs.labels import label
from bullpen.llm.ports import Attempt, ModelName, Outcome
from bullpen.messages import MICROS_PER_DOLLAR
from bullpen.telemetry import Metrics

__all__ = ["MeteredUsage"]

_log = structlog.get_logger("bullpen.costs")

_OUTCOMES: Final[tuple[Outcome, ...]] = ("success", "error", "timeout", "cancelled")


class MeteredUsage:
    """Implements `llm.ports.UsageSink`: four counters and one line `model_attempt` an attempt.

    The line carries numbers and ids and no text of a prompt or an answer.

    Failure mode: never raises, never waits. What a provider reports below 0 counts as 0.
    """

    def __init__(self, *, metrics: Metrics, known: Container[ModelName]) -> None:
        """Models that are not `known` (it may grow later) are counted as `other`."""
        self._metrics = metrics
        self._known = known
        self._meters: dict[ModelName, _Meter] = {}

    def record(self, attempt: Attempt) -> None:
        """Books one attempt, whatever came of it."""
        name = label(attempt.model, self._known)
        meter = self._meters.get(name)
        if meter is None:
            meter = self._meters[name] = _Meter(self._metrics, name)
        meter.count(attempt)
        _log.info(
            "model_attempt",
            run_id=attempt.run_id,
            number=attempt.number,
            tenant=attempt.tenant,
            user_id=attempt.user_id,
            agent_type=attempt.agent_type,
            model=str(attempt.model),
            input_tokens=attempt.input_tokens,
            output_tokens=attempt.output_tokens,
            cost_micros=attempt.cost,
            estimated=attempt.estimated,
            counted=attempt.counted,
            outcome=attempt.outcome,
            duration=round(attempt.duration, 6),
        )

    def hedged(self, model: ModelName) -> None:
        """Counts that a call of `model` took so long that a second one was made beside it."""
        slow = label(model, self._known)
        self._metrics.model_hedges_total.labels(slow.provider, slow.id).inc()

    def failed_over(self, model: ModelName, to: ModelName) -> None:
        """Counts that `model` could not do it and the next one of the chain is asked."""
        left, taken = label(model, self._known), label(to, self._known)
        self._metrics.model_failovers_total.labels(left.provider, left.id).inc()
        _log.warning("model_failover", model=str(left), to=str(taken))


class _Meter:
    """The counters of one model, bound to their labels once."""

    def __init__(self, metrics: Metrics, name: ModelName) -> None:
        self._calls = metrics.model_calls_total.labels(name.provider, name.id)
        self._outcomes = {
            outcome: metrics.model_call_outcomes_total.labels(name.provider, name.id, outcome) for outcome in _OUTCOMES
        }
        self._input = metrics.tokens_used_total.labels("input", name.id)
        self._output = metrics.tokens_used_total.labels("output", name.id)
        self._dollars = metrics.api_cost_dollars_total.labels(name.provider, name.id)

    def count(self, attempt: Attempt) -> None:
        self._calls.inc()
        self._outcomes[attempt.outcome].inc()
        self._input.inc(max(0, attempt.input_tokens))
        self._output.inc(max(0, attempt.output_tokens))
        self._dollars.inc(max(0, attempt.cost) / MICROS_PER_DOLLAR)
