"""Faults of the stub model provider that come and go while it runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

__all__ = ["EVERY", "Fault", "Faults"]

EVERY: Final = "*"
"""Instead of a model id: all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A share of a model's calls goes wrong.

    Attributes:
        behaviour: As in `tests.stubs.behaviour`, without `stub-`.
        model: The model id it befalls, or `EVERY`.
        share: Of the calls, chosen at random.
        retry_after: What a 429 or 529 tells; seconds.
    """

    behaviour: str
    model: str = EVERY
    share: float = 1.0
    retry_after: str = "7"


class Faults:
    """At most one fault a model; a model's own goes before everybody's."""

    def __init__(self) -> None:
        self._by_model: dict[str, Fault] = {}
        # Seeded, so that a run that failed can be had again.
        self._dice = Random(4)

    def put(self, told: Mapping[str, Any]) -> None:
        fault = Fault(**told)
        self._by_model[fault.model] = fault

    def mend(self, model: str) -> None:
        self._by_model.pop(model, None)

    def of(self, model: str) -> Fault | None:
        """What befalls this call, if anything does."""
        fault = self._by_model.get(model) or self._by_model.get(EVERY)
        return fault if fault and self._dice.random() < fault.share else None
