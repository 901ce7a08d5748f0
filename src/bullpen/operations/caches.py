"""Everything that can be made smaller when memory is short."""

from collections.abc import Callable
from typing import Final

import structlog

from bullpen.operations.ports import Shrinkable

__all__ = ["Caches"]

_PART: Final = 0.5

_log = structlog.get_logger("bullpen.operations")


class Caches:
    """Those who registered.

    Failure mode: open. One that raises is logged, and the others are asked all the same.
    """

    def __init__(self) -> None:
        self._participants: dict[str, Shrinkable] = {}

    def __len__(self) -> int:
        return len(self._participants)

    def add(self, participant: Shrinkable) -> None:
        """Asks this one as well; one of the same name takes its place."""
        self._participants[participant.name] = participant

    def sizes(self) -> dict[str, int | None]:
        """How much each holds, in bytes or in entries; None when it cannot say."""
        found: dict[str, int | None] = dict.fromkeys(self._participants)
        self._each("size", lambda each: found.update({each.name: each.size}))
        return found

    def shrink(self) -> tuple[dict[str, int | None], dict[str, int | None]]:
        """Halves each; the sizes before and after."""
        before = self.sizes()
        self._each("shrink", lambda each: each.shrink(_PART))
        return before, self.sizes()

    def restore(self) -> tuple[dict[str, int | None], dict[str, int | None]]:
        """Lets each hold as much as it was set up for; the sizes before and after."""
        before = self.sizes()
        self._each("restore", lambda each: each.restore())
        return before, self.sizes()

    def _each(self, what: str, ask: Callable[[Shrinkable], object]) -> None:
        for name, participant in self._participants.items():
            try:
                ask(participant)
            except Exception:  # noqa: BLE001 -- a participant is foreign code, and must not keep the others away
                _log.exception("cache_failed", cache=name, asked=what)
