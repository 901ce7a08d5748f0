"""What stands before every attempt at a model: its breaker, then its limit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bullpen.errors import (
    BullpenError,
    DeadlineExceeded,
    ModelBusy,
    ModelNonsense,
    ModelTimeout,
    ModelUnavailable,
)
from bullpen.resilience import AdaptiveLimits, Breakers, Deadline, Passage, RetryBudgets, Slot

__all__ = ["Entry", "Safeguards"]

_FAULTS: Final = (ModelUnavailable, ModelTimeout, ModelNonsense)
_OVERDUE: Final = 3.0  # times as long as the model has taken lately
_NEVER_SEEN: Final = 5.0  # seconds a model that never answered may take
_LEAST: Final = 1.0  # seconds no deadline is held against a model before


@dataclass(frozen=True, slots=True, kw_only=True)
class Safeguards:
    """Who may call a model now, and who may try again; of one process, and shared by all of its guards."""

    breakers: Breakers
    limits: AdaptiveLimits
    budgets: RetryBudgets

    async def enter(self, name: str, *, deadline: Deadline, patience: float) -> "Entry":
        """Lets one attempt through, after a wait of `patience` seconds at most.

        Raises:
            CircuitOpen: The model has failed too often.
            ModelBusy: It rests at its provider's wish, or too many calls are under way; also when the deadline passed
                while this waited.
        """
        passage = await self.breakers.enter(name)
        try:
            slot = await self.limits.enter(name, deadline=deadline, patience=patience)
        except BaseException:
            passage.leave("neutral")
            raise
        return Entry(self, name, passage, slot)

    def is_overdue(self, name: str, *, waited: float) -> bool:
        """Whether a model that was cut off by a caller's deadline had been slow, and not the caller in a hurry."""
        usual = self.limits.latency(name)
        return waited >= (_NEVER_SEEN if usual is None else max(_LEAST, _OVERDUE * usual))


@dataclass(frozen=True, slots=True)
class Entry:
    """An attempt that was let through. To be left once."""

    safeguards: Safeguards
    name: str
    passage: Passage
    slot: Slot

    def decline(self) -> None:
        """Leaves without a call."""
        self.passage.leave("neutral")
        self.slot.leave("neutral", latency=0.0)

    def leave(self, failure: BullpenError | None, *, cancelled: bool, waited: float) -> None:
        """Tells breaker and limit what came of the call.

        Only the provider's own failures are held against a model: neither what we sent wrongly, nor a caller who left,
        nor one whose deadline was shorter than the model needs.

        Args:
            failure: What went wrong, if anything.
            cancelled: The caller left.
            waited: Seconds until the first word, or until it ended without one.
        """
        if cancelled or (isinstance(failure, DeadlineExceeded) and not self._is_overdue(waited)):
            self.decline()
        elif failure is None:
            self.passage.leave("success")
            self.slot.leave("success", latency=waited)
        elif isinstance(failure, ModelBusy):
            self.passage.leave("neutral")
            self.slot.leave("overload", latency=waited)
        else:
            fault = isinstance(failure, (*_FAULTS, DeadlineExceeded))
            self.passage.leave("failure" if fault else "neutral")
            self.slot.leave("failure", latency=waited)

    def learn(self, headers: Mapping[str, str]) -> None:
        """Reads what the provider's answer, good or bad, says of its limits; a rest is what it asks for and no more."""
        self.safeguards.limits.learn(self.name, headers)

    def _is_overdue(self, waited: float) -> bool:
        return self.safeguards.is_overdue(self.name, waited=waited)
