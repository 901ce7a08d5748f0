"""How long an attempt at a model call may take: four bounds, of which the nearest holds."""

from typing import Final

from bullpen.errors import BullpenError
from bullpen.llm.call import CallSettings
from bullpen.llm.failures import deadline_exceeded, silent, timed_out
from bullpen.llm.ports import ModelName

__all__ = ["Bounds"]

_DEADLINE: Final = "deadline"
_TOTAL: Final = "total"
_FIRST: Final = "first"
_BETWEEN: Final = "between"


class Bounds:
    """The bounds of one attempt, on the event loop's clock.

    - the run's deadline
    - the whole call: `CallSettings.timeout`
    - of a stream, the first token: `CallSettings.first_token`
    - of a stream, each token after it: `CallSettings.between_tokens`
    """

    __slots__ = ("_between", "_first", "_nearest", "_outer", "_seconds", "_until")

    def __init__(self, call: CallSettings, *, now: float, remaining: float, stream: bool) -> None:
        """Begins `now`, with `remaining` seconds until the deadline."""
        first, between = call.first_token or call.timeout, call.between_tokens or call.timeout
        self._seconds = {_TOTAL: call.timeout, _FIRST: first, _BETWEEN: between}
        self._outer = self._nearest = _DEADLINE if remaining <= call.timeout else _TOTAL
        self._until = now + min(remaining, call.timeout)
        self._first = now + first if stream else self._until
        self._between = between if stream else call.timeout

    def until(self, *, now: float, spoken: bool) -> float:
        """When the next piece must have come, `spoken` if one has."""
        silence = now + self._between if spoken else self._first
        if silence >= self._until:
            self._nearest = self._outer
            return self._until
        self._nearest = _BETWEEN if spoken else _FIRST
        return silence

    def late(self, name: ModelName) -> BullpenError:
        """What it means that `until` has passed."""
        if self._nearest == _DEADLINE:
            return deadline_exceeded(name)
        told = silent if self._nearest == _BETWEEN else timed_out
        return told(name, seconds=self._seconds[self._nearest])
