"""The upkeep of the chains: their ends are signed every minute, and what is too old is removed once a day."""

from contextlib import suppress
from typing import Final

import structlog

from bullpen.errors import DependencyDown
from bullpen.rounds import Rounds
from bullpen.security.audit.ports import Upkeep

__all__ = ["DAY", "KEEP_DAYS", "Retention"]

DAY: Final = 86_400.0
KEEP_DAYS: Final = 2555.0
"""Seven years."""

_PRUNE: Final = "prune"

_log = structlog.get_logger("bullpen.audit")


class Retention:
    """Does the upkeep in the background, from `start` to `aclose`. Of all replicas one prunes, once a day.

    Failure mode: told in the log, and tried again at the next turn.
    """

    def __init__(self, upkeep: Upkeep, *, keep_days: float = KEEP_DAYS, every: float = 60.0) -> None:
        """Starts nothing yet.

        Args:
            upkeep: What does it.
            keep_days: Age at which a row is removed.
            every: Pause between two turns, seconds.
        """
        self._upkeep = upkeep
        self._older_than = keep_days * DAY
        self._rounds = Rounds(self._take_turn, every=every, name="audit-retention")

    def start(self) -> None:
        """Begins, after one pause."""
        self._rounds.start()

    async def aclose(self) -> None:
        """Stops, and signs the ends of the chains for the last time."""
        await self._rounds.aclose()
        with suppress(DependencyDown):
            await self._upkeep.seal()

    async def turn(self) -> None:
        """Signs, and prunes if nobody has within a day.

        Raises:
            DependencyDown: The database is away; the next turn goes on from there.
        """
        await self._upkeep.seal()
        if not await self._upkeep.claim(_PRUNE, every=DAY):
            return
        try:
            removed = await self._upkeep.prune(older_than=self._older_than)
        except BaseException:
            with suppress(DependencyDown):
                await self._upkeep.disclaim(_PRUNE)
            raise
        _log.info("audit_pruned", removed=dict(removed))

    async def _take_turn(self) -> None:
        try:
            await self.turn()
        except DependencyDown as error:
            _log.warning("audit_upkeep_put_off", reason=error.detail)
