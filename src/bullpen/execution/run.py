"""Everything one run needs on its way down."""

from dataclasses import dataclass

from bullpen.agents import OutputSchema
from bullpen.caller import Caller
from bullpen.errors import DeadlineExceeded
from bullpen.execution.record import Record
from bullpen.llm.run import ModelRun
from bullpen.messages import Request, Started
from bullpen.pool import Lane

__all__ = ["Run"]


@dataclass(frozen=True, slots=True)
class Run:
    """One run.

    Attributes:
        schema: What the result must match.
        model: What its model calls know of it.
        record: What is written down about it.
        is_batched: It may be put to the model together with others.
    """

    request: Request
    caller: Caller
    schema: OutputSchema | None
    model: ModelRun
    record: Record
    is_batched: bool = False

    def started(self, lane: Lane) -> Started:
        """The first event of a stream."""
        return Started(
            run_id=self.request.run_id,
            session_id=self.request.session_id,
            agent_type=self.request.agent_type,
            agent_name=lane.name,
        )

    def too_late(self) -> DeadlineExceeded:
        """What it is when no time is left, whether it has begun or not."""
        return DeadlineExceeded(
            f"Run {self.request.run_id} of agent `{self.request.agent_type}` did not end before its deadline, and was "
            "given up. Send a longer `timeout`, or a smaller task."
        )
