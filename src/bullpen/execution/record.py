"""What is written down about a run: one log line and its metrics, whatever came of it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from bullpen.agents import AgentDefinition
from bullpen.errors import BullpenError, Cancelled, Unexpected
from bullpen.llm.run import ModelRun
from bullpen.messages import Answer, Json
from bullpen.pool import Lane
from bullpen.telemetry import Metrics

__all__ = ["Record"]

_log = structlog.get_logger("bullpen.execution")


class Record:
    """One run from its first moment to its last.

    Used as `with record.kept():` around the run. A success is told by `answer`; leaving the block without one is a
    failure. Either way the run is counted exactly once.
    """

    def __init__(self, *, definition: AgentDefinition, run: ModelRun, model: str, metrics: Metrics) -> None:
        """`model` labels the metrics: the model the catalogue names, not the one that happened to answer."""
        self._definition = definition
        self._run = run
        self._model = model
        self._metrics = metrics
        self._clock = run.deadline.clock
        self._started = self._clock.monotonic()
        self._wait = 0.0

    def granted(self, lane: Lane) -> None:
        """The run has its lane."""
        self._wait = lane.wait

    def answer(self, result: Json, lane: Lane) -> Answer:
        """The run succeeded: counts it and makes the answer."""
        duration = self._clock.monotonic() - self._started
        overhead = max(0.0, duration - self._wait - self._run.away_seconds)
        self._metrics.gateway_overhead_seconds.observe(overhead)
        category = self._definition.task_category
        self._metrics.successful_completions_total.labels(self._definition.type, category).inc()
        self._close("success", duration)
        return Answer(
            result=result,
            agent_name=lane.name,
            agent_type=self._definition.type,
            model=self._run.model or self._model,
            run_id=self._run.run_id,
            session_id=self._run.session_id,
            usage=self._run.usage,
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
            self._failed(error)
            raise
        except (asyncio.CancelledError, GeneratorExit):
            self._failed(Cancelled("The caller hung up."))
            raise
        except Exception as error:
            self._failed(Unexpected(""))  # counted first: logging below may be slow
            _log.exception("run_unexpected_error", run_id=self._run.run_id)
            raise Unexpected(
                f"Run {self._run.run_id} failed inside Bullpen. This is a defect; the server's log has its traceback."
            ) from error

    def _failed(self, error: BullpenError) -> None:
        self._metrics.errors_total.labels(error.kind, self._definition.type).inc()
        self._close("error", self._clock.monotonic() - self._started, error=error.kind)

    def _close(self, status: str, duration: float, **extra: str) -> None:
        labels = (self._definition.type, self._model)
        self._metrics.agent_requests_total.labels(*labels, status).inc()
        self._metrics.agent_request_duration_seconds.labels(*labels).observe(duration)
        _log.info(
            "run",
            run_id=self._run.run_id,
            tenant=self._run.tenant,
            agent_type=self._definition.type,
            status=status,
            duration=round(duration, 6),
            queue_wait=round(self._wait, 6),
            **extra,
        )
