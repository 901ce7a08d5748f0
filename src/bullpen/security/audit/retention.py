"""The upkeep of the chains: their ends are signed every minute, and what is too old is removed once a day."""

import asyncio
from contextlib import suppress
from typing import Final

import structlog

from bullpen.errors import DependencyDown
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
        self._every = every
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins, after one pause."""
        self._task = asyncio.create_task(self._keep_on(), name="audit-retention")

    async def aclose(self) -> None:
        """Stops, and signs the ends of the chains for the last time."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
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

    async def _keep_on(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                await self.turn()
            except DependencyDown as error:
                _log.warning("audit_upkeep_put_off", reason=error.detail)
            except Exception:  # noqa: BLE001 -- a defect must not end the upkeep of a process that lives for weeks
                _log.exception("audit_upkeep_failed")
