"""An outbox in files of this machine."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Literal, Self

import structlog

from bullpen.errors import DependencyDown
from bullpen.outbox.delivery import Delivery, by_topic
from bullpen.outbox.depot import Depot
from bullpen.outbox.groups import Groups
from bullpen.outbox.ports import Consumer, Fact
from bullpen.telemetry import Metrics

__all__ = ["LocalOutbox"]

_log = structlog.get_logger("bullpen.outbox")


class LocalOutbox:
    """Implements `Outbox` in a folder, which several processes may share.

    In mode `process` a fact is recorded when the system has it: it survives the death of this process, and not the loss
    of power. In mode `disk` it is recorded when the disk has it; all who wait share one flush.

    Failure mode: raises. While the folder cannot be written, nothing is recorded and `append` raises `DependencyDown`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        consumers: Mapping[str, Consumer],
        metrics: Metrics,
        mode: Literal["process", "disk"] = "process",
        segment_bytes: int = 4 * 1024 * 1024,
        settle_within: float = 5.0,
        close_within: float = 5.0,
        adopt_every: float = 10.0,
        poll: float = 0.5,
    ) -> None:
        """Opens nothing; use it as a context.

        Args:
            folder: Of the outbox alone; made when it is missing.
            consumers: Who hears of which topic. They must be open for as long as the outbox is.
            metrics: Where commits and what is not delivered show.
            mode: What recorded means.
            segment_bytes: How large one file grows.
            settle_within: Longest wait of `settle`, seconds.
            close_within: How long closing goes on delivering, seconds; the rest stays, and the next process has it.
            adopt_every: Pause between two looks for what dead processes have left, seconds.
            poll: Longest rest of the delivery, seconds.
        """
        self._metrics = metrics
        self._depot = Depot(
            folder, synced=mode == "disk", topics=consumers, segment_bytes=segment_bytes, adopt_every=adopt_every
        )
        self._hand = by_topic(consumers)
        self._delivery = Delivery(self._round, name="local", poll=poll)
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="outbox") if mode == "disk" else None
        self._groups: Groups[None] | None = Groups(self._flush, metrics=metrics) if mode == "disk" else None
        self._settle_within = settle_within
        self._close_within = close_within
        self._closed = False

    async def __aenter__(self) -> Self:
        """Raises `DependencyDown` when the folder cannot be written."""
        self._depot.open()
        self._metrics.audit_degraded.set(0)
        if self._groups is not None:
            self._groups.start()
        self._delivery.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Delivers what is there, for a bounded time; what is not delivered is counted in the log, and stays."""
        self._closed = True
        if self._groups is not None:
            await self._groups.aclose()
        with suppress(DependencyDown):
            await self._delivered(within=self._close_within)
        await self._delivery.aclose()
        if left := self._depot.pending:
            _log.warning("outbox_left_behind", facts=left, remedy="The next process that uses the folder delivers it.")
        self._depot.close()
        if self._threads is not None:
            self._threads.shutdown(wait=False)

    @property
    def degraded(self) -> bool:
        """Never: what cannot be recorded as promised is not recorded at all."""
        return False

    async def append(self, facts: Sequence[Fact], *, strict: bool = False) -> None:  # noqa: ARG002 -- the port's; there is no lesser place
        """See `Outbox.append`."""
        if not facts:
            return
        if self._closed:
            raise DependencyDown("This process is stopping and records nothing more. Send the request again.")
        self._depot.write(facts)
        self._delivery.wake()
        if self._groups is not None:
            await self._groups.join(None)

    async def settle(self) -> None:
        """See `Outbox.settle`."""
        await self._delivered(within=self._settle_within)

    async def _delivered(self, *, within: float) -> None:
        target = self._depot.written
        try:
            async with asyncio.timeout(within):
                while self._depot.written - self._depot.pending < target:
                    await self._delivery.turn()
        except TimeoutError:
            raise DependencyDown("What was recorded is not delivered yet. Try again in a moment.") from None

    async def _round(self) -> int:
        self._metrics.audit_outbox_rows.set(self._depot.pending)
        given = await self._depot.deliver(self._hand)
        self._metrics.audit_outbox_rows.set(self._depot.pending)
        return given

    async def _flush(self, waiting: Sequence[None]) -> None:  # noqa: ARG002 -- one flush serves all, however many
        if self._threads is not None:
            await self._depot.sync(self._threads)
