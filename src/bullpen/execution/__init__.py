"""One agent, one answer: the story every door tells, whole, streamed or in a batch."""

from bullpen.execution.authority import Authority
from bullpen.execution.batch import Batch
from bullpen.execution.execution import Execution

__all__ = ["Authority", "Batch", "Execution"]
