"""Everything one data folder holds: what this process writes, and what dead processes have left."""

import hashlib
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Final, TypeAlias

import structlog

from bullpen.errors import DependencyDown
from bullpen.outbox.claim import Claim
from bullpen.outbox.frames import encode
from bullpen.outbox.ports import Fact
from bullpen.outbox.quarantine import QUARANTINE, Quarantine
from bullpen.outbox.segment import Journal
from bullpen.outbox.spool import Portion, Spool

__all__ = ["Depot", "Hand"]

_log = structlog.get_logger("bullpen.outbox")

Hand: TypeAlias = Callable[[Sequence[Fact]], Awaitable[None]]
"""Takes facts over, or raises and takes none."""

_BATCH: Final = 500


class Depot:
    """A folder that several processes share, each with a folder of its own in it.

    Failure mode: raises `DependencyDown` from `write` while the folder cannot be written, and tries again each time.
    """

    def __init__(
        self,
        folder: Path,
        *,
        synced: bool,
        topics: Collection[str] | None = None,
        segment_bytes: int = 4 * 1024 * 1024,
        adopt_every: float = 10.0,
    ) -> None:
        """Makes nothing yet.

        Args:
            folder: Made when it is needed (mode 0700).
            synced: `sync` will be called.
            topics: Facts of others are put in quarantine; None when all are welcome.
            segment_bytes: How large one file grows.
            adopt_every: Pause between two looks for what dead processes have left, seconds.
        """
        self._folder = folder
        self._synced = synced
        self._topics = topics
        self._segment_bytes = segment_bytes
        self._adopt_every = adopt_every
        self._adopt_at = 0.0
        self._quarantine = Quarantine(folder)
        self._own: tuple[Claim, Journal, Spool] | None = None
        self._lost = 0
        self._adopted: list[tuple[Claim, Spool]] = []

    @property
    def pending(self) -> int:
        """Facts of this process that were not delivered yet."""
        if self._own is None or self._own[2].empty:
            return 0
        return self._own[1].facts - self._own[2].delivered

    @property
    def written(self) -> int:
        """Facts of this process that were written."""
        return self._lost + (self._own[1].facts if self._own else 0)

    def open(self) -> tuple[Claim, Journal]:
        """This process' folder and the journal in it, made by the first call.

        Raises:
            DependencyDown: They cannot be made.
        """
        if self._own:
            return self._own[:2]
        try:
            claim = Claim.make(self._folder)
            journal = Journal(claim.folder, segment_bytes=self._segment_bytes, synced=self._synced)
        except OSError as error:
            raise DependencyDown(
                f"The folder {self._folder.name} cannot be written: {error.strerror}. See to DATA_DIR."
            ) from error
        self._own = claim, journal, Spool(claim.folder, quarantine=self._quarantine, journal=journal)
        return claim, journal

    def write(self, facts: Sequence[Fact]) -> None:
        """Returns when they survive the death of this process; all count, or none.

        A folder that somebody removed is made anew.

        Raises:
            DependencyDown: They do not.
        """
        data = encode(facts)
        claim, journal = self.open()
        try:
            journal.write(data, facts=len(facts))
        except DependencyDown:
            if claim.folder.is_dir():
                raise
            self._abandon()
            self.write(facts)

    async def sync(self, threads: Executor) -> None:
        """Returns when everything written before survives the loss of power. Raises what `Journal.sync` does."""
        if self._own:
            await self._own[1].sync(threads)

    async def deliver(self, hand: Hand) -> int:
        """Gives one batch of each folder away; says how many facts that were. Raises what `hand` does."""
        self._adopt()
        given = await self.deliver_own(hand)
        for claim, spool in tuple(self._adopted):
            try:
                portion = spool.read(_BATCH)
            except OSError as error:
                self._give_up(claim, spool, error)
                continue
            given += await self._give(spool, portion, hand)
        self._leave_empty()
        return given

    async def deliver_own(self, hand: Hand) -> int:
        """The same, of this process' facts only."""
        if self._own is None:
            return 0
        spool = self._own[2]
        return await self._give(spool, spool.read(_BATCH), hand)

    def close(self) -> None:
        """Leaves what was not delivered to the next process that looks."""
        self._leave_empty()
        for claim, spool in self._adopted:
            spool.close()
            claim.release()
        if self._own:
            claim, journal, spool = self._own
            journal.close()
            _part(claim, spool)
        self._adopted, self._own = [], None

    def _abandon(self) -> None:
        """Gives up this process' folder, which is not there any more."""
        if self._own is None:
            return
        claim, journal, spool = self._own
        remedy = "Somebody removed it. What was not delivered is lost. Keep the data folder."
        _log.error("outbox_folder_lost", folder=claim.folder.name, remedy=remedy)
        self._lost, self._own = self._lost + journal.facts, None
        journal.close()
        spool.close()
        claim.release()

    async def _give(self, spool: Spool, portion: Portion | None, hand: Hand) -> int:
        if portion is None:
            return 0
        facts = self._known(portion)
        for start in range(0, len(facts), _BATCH):
            await hand(facts[start : start + _BATCH])
        spool.forget(portion)
        return len(portion.facts)

    def _known(self, portion: Portion) -> Sequence[Fact]:
        if self._topics is None:
            return portion.facts
        strange = [fact for fact in portion.facts if fact.topic not in self._topics]
        if not strange:
            return portion.facts
        data = encode(strange)
        self._quarantine.put(data, name=f"topic-{hashlib.sha256(data).hexdigest()[:16]}")
        return [fact for fact in portion.facts if fact.topic in self._topics]

    def _adopt(self) -> None:
        """Takes over the folders of dead processes, when it is time to look again."""
        if time.monotonic() < self._adopt_at:
            return
        self._adopt_at = time.monotonic() + self._adopt_every
        for folder in sorted(self._folder.iterdir()) if self._folder.is_dir() else ():
            claim = None if folder.name == QUARANTINE else Claim.take(folder)
            if claim:
                _log.info("outbox_adopted", folder=folder.name)
                self._adopted.append((claim, Spool(folder, quarantine=self._quarantine)))

    def _give_up(self, claim: Claim, spool: Spool, error: OSError) -> None:
        """Leaves a folder that cannot be read alone, until it is time to look again: it must not stop the rest."""
        _log.error("outbox_unreadable", folder=claim.folder.name, reason=error.strerror, remedy="Look at its files.")
        spool.close()
        claim.release()
        self._adopted.remove((claim, spool))

    def _leave_empty(self) -> None:
        for claim, spool in [each for each in self._adopted if each[1].empty]:
            _part(claim, spool)
            self._adopted.remove((claim, spool))


def _part(claim: Claim, spool: Spool) -> None:
    """Lets go of a folder, and removes it when there is nothing left in it to deliver."""
    spool.close()
    if spool.empty:
        claim.remove()
    else:
        claim.release()
