"""How a streamed run ended, and every run inside it, by the events that passed.

Agno's objects cannot be asked afterwards: a workflow leaves each step's stream one event before its end, and when that
stream is collected, the step's run, long completed, is marked as cancelled.
"""

from typing import Any, Final

from agno.run.base import RunStatus
from agno.run.workflow import WorkflowRunOutput

from bullpen.agents.outcome import Ended, Inside

__all__ = ["Witness"]

_WORKFLOW: Final = {
    "WorkflowCompleted": RunStatus.completed,
    "WorkflowCancelled": RunStatus.cancelled,
    "WorkflowPaused": RunStatus.paused,
    "StepPaused": RunStatus.paused,
    "WorkflowError": RunStatus.error,
}
_STATUS: Final = {
    "RunCompleted": RunStatus.completed,
    "RunCancelled": RunStatus.cancelled,
    "RunPaused": RunStatus.paused,
    "RunError": RunStatus.error,
    **_WORKFLOW,
}


class Witness:
    """Watches the events of one run.

    Attributes:
        ended: The run's own end, once it came.
        inside: The ends of team members and workflow steps, which pass by as well.
    """

    def __init__(self, run_id: str) -> None:
        self.ended: Ended | None = None
        self._run_id = run_id
        self.inside = Inside()

    def see(self, event: Any) -> None:
        """Takes in the next event."""
        run_id = getattr(event, "run_id", None)
        status = _STATUS.get(_name(event))
        if isinstance(run_id, str) and status is not None:
            self._note(run_id, status, parent=getattr(event, "parent_run_id", None))
        if run_id == self._run_id and self._stands(self.ended.status if self.ended else None):
            self.ended = _end(event) or self.ended

    def _note(self, run_id: str, status: RunStatus, *, parent: str | None) -> None:
        if self._stands(self.inside.statuses.get(run_id)):
            self.inside.statuses[run_id] = status
        if status is RunStatus.error and parent:
            self.inside.bereft.add(parent)

    @staticmethod
    def _stands(before: RunStatus | None) -> bool:
        """Whether another end may follow: what was cancelled is called completed right after (trap T13)."""
        return before in (None, RunStatus.completed)


def _name(event: Any) -> str:
    return str(getattr(event, "event", "")).removeprefix("Team")


def _end(event: Any) -> Ended | None:
    """The whole end an event tells: an agent or team yields it, a workflow tells it by events alone."""
    if isinstance(event, Ended):
        return event
    status = _WORKFLOW.get(_name(event))
    if status is None:
        return None
    return WorkflowRunOutput(
        run_id=event.run_id,
        status=status,
        content=getattr(event, "content", None),
        step_results=list(getattr(event, "step_results", ())),
        step_executor_runs=getattr(event, "step_executor_runs", None),
    )
