"""What is written down about a run: one log line, one event of the audit trail and its metrics, whatever came of it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, Protocol, TypeAlias

import structlog

from bullpen.agents import AgentDefinition
from bullpen.caller import Caller
from bullpen.errors import BullpenError, Cancelled, Refused, Unexpected
from bullpen.llm.run import ModelRun
from bullpen.messages import Answer, Json
from bullpen.pool import Lane
from bullpen.security.audit import Audit, EventType
from bullpen.telemetry import Metrics

__all__ = ["Counters", "Observe", "Record", "Spend", "unobserved"]

Spend: TypeAlias = Callable[[int], None]
"""Hears how many tokens a run has used."""

_log = structlog.get_logger("bullpen.execution")


class Observe(Protocol):
    """Hears of every run that is over."""

    def __call__(self, duration: float, /, *, ok: bool) -> None:
        """`duration` is in seconds; a run is not ok when the service failed it."""
        ...


def unobserved(_duration: float, /, *, ok: bool) -> None:
    """For those who look at nothing."""
    del ok


class Counters:
    """The metrics of one agent type, found once instead of on every run."""

    def __init__(
        self, metrics: Metrics, *, definition: AgentDefinition, model: str, observe: Observe = unobserved
    ) -> None:
        """`model` labels them: the model the catalogue names, not the one that happens to answer."""
        self.observe = observe
        kind = definition.type
        self.agent_type = kind
        self.model = model
        self.succeeded = metrics.agent_requests_total.labels(kind, model, "success")
        self.failed = metrics.agent_requests_total.labels(kind, model, "error")
        self.duration = metrics.agent_request_duration_seconds.labels(kind, model)
        self.completions = metrics.successful_completions_total.labels(kind, definition.task_category)
        self.overhead = metrics.gateway_overhead_seconds
        self.errors = metrics.errors_total


class Record:
    """One run from its first moment to its last.

    Used as `with record.kept():` around the run. A success is told by `answer`; leaving the block without one is a
    failure. Either way the run is counted exactly once.
    """

    def __init__(
        self,
        run: ModelRun,
        *,
        caller: Caller,
        task_length: int,
        counters: Counters,
        audit: Audit,
        spend: Spend | None = None,
    ) -> None:
        """`task_length` is in characters: the audit trail knows how long a task was, and never what it said."""
        self._run = run
        self._caller = caller
        self._task_length = task_length
        self._counters = counters
        self._audit = audit
        self._spend = spend
        self._clock = run.deadline.clock
        self._started = self._clock.monotonic()
        self._wait = 0.0

    def granted(self, lane: Lane) -> None:
        """The run has its lane."""
        self._wait = lane.wait

    def answer(self, result: Json, lane: Lane) -> Answer:
        """The run succeeded: counts it and makes the answer."""
        run, counters = self._run, self._counters
        duration = self._clock.monotonic() - self._started
        overhead = max(0.0, duration - self._wait - run.away_seconds)
        counters.overhead.observe(overhead)
        counters.completions.inc()
        counters.succeeded.inc()
        self._tell("success", duration)
        return Answer(
            result=result,
            agent_name=lane.name,
            agent_type=counters.agent_type,
            model=run.model or counters.model,
            run_id=run.run_id,
            session_id=run.session_id,
            usage=run.usage,
            duration=duration,
            queue_wait=self._wait,
            overhead=overhead,
        )

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Counts a failure that leaves the block, and turns a foreign exception into `Unexpected`."""
        try:
            yield
        except BullpenError as error:
            self._fail(error.kind, ok=isinstance(error, Refused))
            raise
        except (asyncio.CancelledError, GeneratorExit):
            self._fail(Cancelled.kind, ok=True)
            raise
        except Exception as error:
            self._fail(Unexpected.kind)
            _log.exception("run_unexpected_error", run_id=self._run.run_id)
            raise Unexpected(
                f"Run {self._run.run_id} failed inside Bullpen. This is a defect; the server's log has its traceback."
            ) from error

    def _fail(self, kind: str, *, ok: bool = False) -> None:
        """`ok` where it is the caller who must change something, or who left: the service did not fail."""
        self._counters.errors.labels(kind, self._counters.agent_type).inc()
        self._counters.failed.inc()
        self._tell("error", self._clock.monotonic() - self._started, ok=ok, error=kind)

    def _tell(self, status: Literal["success", "error"], duration: float, *, ok: bool = True, **extra: str) -> None:
        self._counters.duration.observe(duration)
        self._counters.observe(duration, ok=ok)
        if self._spend is not None:
            self._spend(self._run.input_tokens + self._run.output_tokens)
        self._audit.record(
            EventType.AGENT_EXECUTION,
            self._caller,
            outcome=status,
            agent_type=self._counters.agent_type,
            task_length=self._task_length,
            run_id=self._run.run_id,
            details=extra,
        )
        _log.info(
            "run",
            run_id=self._run.run_id,
            tenant=self._run.tenant,
            agent_type=self._counters.agent_type,
            status=status,
            duration=round(duration, 6),
            queue_wait=round(self._wait, 6),
            **extra,
        )
