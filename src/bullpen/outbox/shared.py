"""An outbox in the database, with a folder of this machine for when the database is away."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, Self

import structlog

from bullpen.errors import DependencyDown
from bullpen.outbox.delivery import Delivery, by_topic
from bullpen.outbox.depot import Depot, Hand
from bullpen.outbox.frames import check
from bullpen.outbox.groups import Groups
from bullpen.outbox.ports import Consumer, Fact
from bullpen.stores.patience import leavable
from bullpen.telemetry import Metrics

__all__ = ["SharedOutbox", "Table"]

_log = structlog.get_logger("bullpen.outbox")

_FEW: Final = 500
_PROBE_PATIENCE: Final = 5.0  # seconds; nobody waits for the one who brings facts back
_PROBE_PAUSE: Final = 1.0
_ROUND_PATIENCE: Final = 30.0
_POLL: Final = 0.025
_AWAY: Final = "The database is away, and this must be recorded there before it is done. Try again in a moment."


class Table(Protocol):
    """Where the facts of all replicas meet.

    Failure mode: raises `DependencyDown` from every method, or takes its time; callers bound the wait.

    Attributes:
        rows: How many facts were in it when this replica last delivered; 0 when another one did.
    """

    rows: int

    async def insert(self, facts: Sequence[Fact]) -> None:
        """Returns when all of them are committed, in this order; ids that are there already stay as they are."""
        ...

    async def deliver(self, hand: Hand) -> int:
        """Gives the oldest facts away and removes them, unless another replica is at it; says how many."""
        ...

    async def newest(self) -> int:
        """A mark: everything inserted so far is at or below it."""
        ...

    async def delivered(self, mark: int) -> bool:
        """Whether everything at or below the mark was delivered, by whichever replica."""
        ...


@dataclass(slots=True)
class _Wish:
    facts: Sequence[Fact]
    strict: bool = False
    returning: bool = False
    refused: bool = False


class SharedOutbox:
    """Implements `Outbox` in a table of the database, where every replica's facts meet.

    A fact is recorded when a group commit has inserted it. One replica at a time delivers.

    Failure mode: degraded. A commit that fails or takes too long goes to the folder instead, and so does every one
    after it, in order, until all of that is in the table; `degraded`, the metric `audit_degraded` and the log say so.
    What is strict is refused meanwhile; the commit that found out may still have inserted it. Without a folder that can
    be written, what cannot be inserted raises `DependencyDown`.
    """

    def __init__(
        self,
        table: Table,
        *,
        folder: Path,
        consumers: Mapping[str, Consumer],
        metrics: Metrics,
        patience: float = 1.0,
        settle_within: float = 5.0,
        close_within: float = 5.0,
        adopt_every: float = 10.0,
        poll: float = 0.5,
    ) -> None:
        """Opens nothing; use it as a context.

        Args:
            table: Knows the topics of the consumers.
            folder: Of the outbox alone; made when it is missing.
            consumers: Who hears of which topic. They must be open for as long as the outbox is.
            metrics: Where commits, what is not delivered and the degraded mode show.
            patience: Longest wait for one group commit, seconds.
            settle_within: Longest wait of `settle`, seconds.
            close_within: How long closing goes on emptying the folder, seconds; the log counts what stays.
            adopt_every: Pause between two looks for what dead processes have left, seconds.
            poll: Longest rest of the delivery, seconds.
        """
        self._metrics = metrics
        self._table = table
        self._depot = Depot(folder, synced=False, adopt_every=adopt_every)
        self._hand = by_topic(consumers)
        self._groups: Groups[_Wish] = Groups(self._commit, metrics=metrics)
        self._delivery = Delivery(self._deliver, name="shared", poll=poll, patience=_ROUND_PATIENCE)
        self._return = Delivery(self._bring_back, name="folder", poll=poll, longest_pause=_PROBE_PAUSE)
        self._patience = patience
        self._settle_within = settle_within
        self._close_within = close_within
        self._degraded = False

    async def __aenter__(self) -> Self:
        """Needs neither the database nor the folder to be there."""
        try:
            self._depot.open()
        except DependencyDown as error:
            _log.warning("outbox_without_folder", reason=error.detail, remedy="Without the database nothing is kept.")
        self._metrics.audit_degraded.set(0)
        self._groups.start()
        self._delivery.start()
        self._return.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Empties the folder into the table, for a bounded time, and counts in the log what stays in it.

        What is in the table is the other replicas' to deliver, or the next start's.
        """
        await self._delivery.aclose()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._close_within):
                while self._depot.pending:
                    await self._return.turn()
        await self._groups.aclose()
        await self._return.aclose()
        if left := self._depot.pending:
            remedy = "The database was away. Keep the data folder: the next process that uses it brings them back."
            _log.error("outbox_left_behind", facts=left, remedy=remedy)
        self._depot.close()

    @property
    def degraded(self) -> bool:
        """Whether facts go to the folder."""
        return self._degraded

    async def append(self, facts: Sequence[Fact], *, strict: bool = False) -> None:
        """See `Outbox.append`."""
        if not facts:
            return
        check(facts)
        wish = _Wish(facts, strict=strict)
        await self._groups.join(wish)
        if wish.refused:
            raise DependencyDown(_AWAY)
        (self._return if self._degraded else self._delivery).wake()

    async def settle(self) -> None:
        """See `Outbox.settle`. It waits for the facts of other replicas, too."""
        try:
            async with asyncio.timeout(self._settle_within):
                await leavable(self._settled())
        except TimeoutError:
            raise DependencyDown("What was recorded is not delivered yet. Try again in a moment.") from None

    async def _settled(self) -> None:
        while self._depot.pending:
            await self._return.turn()
        mark = await self._table.newest()
        while not await self._table.delivered(mark):
            self._delivery.wake()
            await asyncio.sleep(_POLL)

    async def _commit(self, wishes: Sequence[_Wish]) -> None:
        if self._degraded and any(wish.returning for wish in wishes):
            await self._come_back()
        if not self._degraded:
            try:
                await self._insert([fact for wish in wishes for fact in wish.facts], within=self._patience)
            except DependencyDown as error:
                self._degrade(error)
            else:
                return
        self._keep(wishes)

    def _keep(self, wishes: Collection[_Wish]) -> None:
        facts: list[Fact] = []
        for wish in wishes:
            wish.refused = wish.strict
            facts += () if wish.strict else wish.facts
        if facts:
            self._depot.write(facts)

    async def _insert(self, facts: Sequence[Fact], *, within: float) -> None:
        try:
            async with asyncio.timeout(within):
                await leavable(self._table.insert(facts))
        except TimeoutError:
            raise DependencyDown("The database did not record what happened in time. Try again in a moment.") from None

    async def _deliver(self) -> int:
        given = await self._table.deliver(self._hand)
        self._metrics.audit_outbox_rows.set(self._table.rows + self._depot.pending)
        return given

    async def _bring_back(self) -> int:
        """One round of emptying the folder into the table, with what dead processes have left in it."""
        brought = await self._depot.deliver(self._take_back)
        if self._degraded and self._depot.pending <= _FEW:
            if not brought:
                await self._take_back(())
            # The last step is a group commit like any other, so that nothing is recorded between it and the next.
            await self._groups.join(_Wish((), returning=True))
        if brought:
            self._delivery.wake()
        return brought

    async def _take_back(self, facts: Sequence[Fact]) -> None:
        await self._insert(facts, within=_PROBE_PATIENCE)

    async def _come_back(self) -> None:
        """Brings the rest of the folder back and ends the degraded mode, or leaves it as it is."""
        try:
            async with asyncio.timeout(self._patience):
                while await self._depot.deliver_own(self._take_back):
                    pass
        except (DependencyDown, TimeoutError):
            return
        self._degraded = False
        self._metrics.audit_degraded.set(0)
        _log.info("outbox_shared_again")

    def _degrade(self, error: DependencyDown) -> None:
        self._degraded = True
        self._metrics.audit_degraded.set(1)
        remedy = "Look after the database. Until it is back, keep this machine's data folder."
        _log.warning("outbox_degraded", reason=error.detail, remedy=remedy)
        self._return.wake()
