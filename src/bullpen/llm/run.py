"""What a model call has to know of the run it belongs to, carried past Agno in a context variable.

Agno turns every exception of a model into `RunOutput(status=ERROR)` with our text in it (traps T1, T2). The cause is
therefore left here, in a mutable holder, by the guard, and picked up by the runner.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from bullpen.errors import BullpenError
from bullpen.messages import Usage
from bullpen.resilience import Deadline

__all__ = ["ModelRun", "current_run"]

_NOBODY: Final = "-"

_CURRENT: ContextVar["ModelRun | None"] = ContextVar("bullpen_model_run", default=None)


@dataclass(slots=True, kw_only=True)
class ModelRun:
    """One run, as seen from inside its model calls.

    Attributes:
        failure: The last failure of a model call, or refusal of a guardrail, that no later call made good.
        model: The id of the model that answered last, as it was asked for.
        away_seconds: Wall time spent in model calls and tools; what overlaps counts once.
    """

    run_id: str
    session_id: str
    tenant: str
    user_id: str
    agent_type: str
    deadline: Deadline
    failure: BullpenError | None = None
    model: str = ""
    attempts: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: int = 0
    away_seconds: float = 0.0
    _busy: int = field(default=0, repr=False)
    _busy_since: float = field(default=0.0, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    @classmethod
    def nobodys(cls, *, seconds: float) -> "ModelRun":
        """For a call outside any run (a script, a test): bounded by `seconds`, and booked under `-`."""
        return cls(
            run_id=_NOBODY,
            session_id=_NOBODY,
            tenant=_NOBODY,
            user_id=_NOBODY,
            agent_type=_NOBODY,
            deadline=Deadline.after(seconds),
        )

    @property
    def usage(self) -> Usage:
        """What the run has used so far, lost attempts included."""
        return Usage(input_tokens=self.input_tokens, output_tokens=self.output_tokens, cost=self.cost)

    @contextmanager
    def as_current(self) -> Iterator["ModelRun"]:
        """Makes this the run of every model call inside the block, also in tasks and threads started there."""
        token = _CURRENT.set(self)
        try:
            yield self
        finally:
            _CURRENT.reset(token)

    def away(self) -> "_Away":
        """Counts the block as time spent outside Bullpen: in a model or a tool. Overlapping blocks count once.

        May be entered from any thread: synchronous tools run in threads of their own.
        """
        return _Away(self._step)

    def _step(self, change: int) -> None:
        with self._lock:
            now = self.deadline.clock.monotonic()
            if self._busy == 0:
                self._busy_since = now
            self._busy += change
            if self._busy == 0:
                self.away_seconds += now - self._busy_since


class _Away:
    """A block outside: a class, as there is one around every piece of a stream."""

    __slots__ = ("_step",)

    def __init__(self, step: Callable[[int], None]) -> None:
        self._step = step

    def __enter__(self) -> None:
        self._step(+1)

    def __exit__(self, *_: object) -> None:
        self._step(-1)


def current_run() -> ModelRun | None:
    """The run this code is part of, or None outside any run."""
    return _CURRENT.get()
