"""The slots of one model: so many calls at once, a line for the others, and rests its provider asked for."""

import asyncio
import math
from collections import OrderedDict
from typing import Final, Literal, TypeAlias

from bullpen.clock import Clock
from bullpen.errors import ModelBusy
from bullpen.resilience.gradient import Gradient
from bullpen.resilience.labels import labels
from bullpen.telemetry import Metrics

__all__ = ["Outcome", "Slot", "Slots"]

Outcome: TypeAlias = Literal["success", "overload", "failure", "neutral"]
"""What came of a call: an answer, "too much" (429, 529), another failure, or nothing that tells of the model."""

_NOTICEABLE: Final = 1.0  # seconds


class Slot:
    """The right to one call of a model. To be left once; leaving it again does nothing."""

    __slots__ = ("_slots",)

    def __init__(self, slots: "Slots") -> None:
        self._slots: Slots | None = slots

    def leave(self, outcome: Outcome, *, latency: float) -> None:
        """Gives it back.

        Args:
            outcome: What came of the call.
            latency: Seconds until the first piece of a stream, or the whole answer; counts for a success alone.
        """
        if self._slots is not None:
            slots, self._slots = self._slots, None
            slots.leave(outcome, latency=latency)


class Slots:
    """Who may call one model now, in order of arrival.

    What is free and wanted is granted at once, by whoever frees it. A slot is granted to a future, not to a task: a
    task that is cancelled in that very moment passes it on. Nobody waits here without a lane of the pool, which bounds
    the line.

    Attributes:
        in_flight: Slots that are out.
    """

    def __init__(self, name: str, *, gradient: Gradient, metrics: Metrics, clock: Clock) -> None:
        self.in_flight = 0
        self._name = name
        self._gradient = gradient
        self._clock = clock
        self._line: OrderedDict[asyncio.Future[bool], float] = OrderedDict()  # how long each can wait
        self._rests_until = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._shown_in_flight = metrics.adaptive_in_flight.labels(*labels(name))
        self._shown_limit = metrics.adaptive_limit.labels(*labels(name))
        self._shown_limit.set(gradient.limit)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._line)

    def resting(self) -> float:
        """Seconds the model is left alone for yet; 0 when it is not."""
        return max(0.0, self._rests_until - self._clock.monotonic()) if self._rests_until else 0.0

    def take(self) -> Slot | None:
        """A slot, if there is one now."""
        if self._line or not self._is_free():
            return None
        self._count(1)
        return Slot(self)

    async def wait(self, *, patience: float) -> Slot:
        """A slot, after `patience` seconds at most.

        Raises:
            ModelBusy: There was none; at once when the model rests for longer than that.
        """
        if patience <= 0 or self.resting() > patience:
            raise self._busy()
        called: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._line[called] = self._clock.monotonic() + patience
        self._set_alarm()
        try:
            await asyncio.wait((called,), timeout=patience)
        except asyncio.CancelledError:
            if not self._left_line(called) and called.result():
                self._free()
            raise
        if self._left_line(called) or not called.result():
            raise self._busy()
        return Slot(self)

    def leave(self, outcome: Outcome, *, latency: float) -> None:
        """Takes a slot back, and learns from what came of its call."""
        gradient, before = self._gradient, self._gradient.limit
        if outcome == "success":
            gradient.succeeded(latency, in_flight=self.in_flight)
        elif outcome == "overload":
            gradient.overloaded(in_flight=self.in_flight)
        if gradient.limit != before:
            self._shown_limit.set(gradient.limit)
        self._free()

    def rest(self, seconds: float) -> bool:
        """Lets nobody in for `seconds`, and says whether that is a new rest; one that ends sooner changes nothing."""
        now = self._clock.monotonic()
        before, until = max(self._rests_until, now), now + seconds
        if until <= before:
            return False
        begins = self._rests_until <= now
        self._rests_until = until
        # A rest made longer by each of many refusals does not look through the line at each of them.
        if begins or until - before >= _NOTICEABLE:
            self._send_away(until)
        self._set_alarm()
        return begins

    def _left_line(self, called: asyncio.Future[bool]) -> bool:
        return self._line.pop(called, None) is not None

    def _is_free(self) -> bool:
        return self.in_flight < self._gradient.limit and not self.resting()

    def _free(self) -> None:
        self._count(-1)
        if self._line:
            self._admit()

    def _count(self, change: int) -> None:
        self.in_flight += change
        self._shown_in_flight.set(self.in_flight)

    def _admit(self) -> None:
        while self._line and self._is_free():
            called, _ = self._line.popitem(last=False)
            self._count(1)
            called.set_result(True)

    def _send_away(self, until: float) -> None:
        """Tells those who cannot wait for the end of a rest, so that they can ask another model."""
        for called in [each for each, latest in self._line.items() if latest < until]:
            del self._line[called]
            called.set_result(False)

    def _set_alarm(self) -> None:
        """Sees to it that those who wait for the end of a rest are let in then."""
        if self._alarm is None and self._line and (seconds := self.resting()):
            self._alarm = asyncio.get_running_loop().call_later(seconds, self._wake)

    def _wake(self) -> None:
        self._alarm = None
        self._admit()
        self._set_alarm()

    def _busy(self) -> ModelBusy:
        if seconds := self.resting():
            text = f"{self._name} asked for a rest. Try again in {math.ceil(seconds)} s."
            return ModelBusy(text, retry_after=seconds)
        line = (len(self._line) + 1) / self._gradient.limit
        seconds = float(max(1, math.ceil(line * (self._gradient.latency or 0.0))))
        text = f"{self._name} has {self.in_flight} calls under way, as many as it takes. Try again in {seconds:g} s."
        return ModelBusy(text, retry_after=seconds)
