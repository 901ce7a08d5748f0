"""Where events are collected and recorded: before the answer leaves, in one append a request."""

import asyncio
import secrets
from collections.abc import Mapping
from contextvars import ContextVar
from itertools import count
from typing import Final

import structlog

from bullpen.caller import Caller
from bullpen.clock import Clock, SystemClock
from bullpen.errors import DependencyDown
from bullpen.outbox import Fact, Outbox
from bullpen.security.audit.events import HOUSE, Detail, Event, EventType, Origin, Outcome, to_json

__all__ = ["TOPIC", "Audit", "Trail"]

TOPIC: Final = "audit"

_NOWHERE: Final = Origin()

_log = structlog.get_logger("bullpen.audit")


class Trail:
    """What one request has done and is not recorded yet.

    Attributes:
        origin: Where the request came from; may be replaced until the first event.
    """

    __slots__ = ("_outbox", "_pending", "origin")

    def __init__(self, outbox: Outbox, origin: Origin) -> None:
        self._outbox = outbox
        self._pending: list[Fact] = []
        self.origin = origin

    @property
    def pending(self) -> bool:
        """Whether there is something to commit."""
        return bool(self._pending)

    def add(self, event: Event) -> None:
        """Collects the event; `commit` records it."""
        self._pending.append(Fact(event.id, TOPIC, to_json(event)))

    def abandon(self) -> None:
        """Forgets what could not be recorded, so that its caller can still be told of it."""
        self._pending = []

    async def commit(self, *, strict: bool = False) -> None:
        """Returns when everything collected is recorded; raises what `Outbox.append` does, and keeps it then."""
        facts = self._pending
        if not facts:
            return
        self._pending = []
        try:
            await self._outbox.append(facts, strict=strict)
        except BaseException:
            self._pending = [*facts, *self._pending]
            raise


_current: Final[ContextVar[Trail | None]] = ContextVar("trail", default=None)


class Audit:
    """Records events.

    After `begin` events are collected, and recorded together by `commit`. Before it, each `commit` records what was
    collected since the one before.
    """

    def __init__(self, outbox: Outbox, *, clock: Clock | None = None) -> None:
        self._outbox = outbox
        self._clock = clock or SystemClock()
        self._rest = Trail(outbox, _NOWHERE)
        # Unique without asking the system for random bytes at every event: a random start, and a count from there.
        self._prefix = secrets.token_hex(10)
        self._numbers = count()
        self._announcing: set[asyncio.Task[None]] = set()

    def begin(self, origin: Origin) -> Trail:
        """Collects what this task and those it starts record from now on; a request has a task of its own."""
        trail = Trail(self._outbox, origin)
        _current.set(trail)
        return trail

    def record(
        self,
        kind: EventType,
        caller: Caller | None = None,
        *,
        outcome: Outcome = "success",
        details: Mapping[str, Detail] | None = None,
        **more: Detail,
    ) -> None:
        """Collects an event, with small facts by name; without a caller it belongs to `HOUSE`."""
        trail = _current.get() or self._rest
        trail.add(
            Event(
                id=f"{self._prefix}-{next(self._numbers):x}",
                at=self._clock.now(),
                type=kind,
                tenant=HOUSE if caller is None else caller.tenant,
                actor="" if caller is None else caller.user_id,
                credential="" if caller is None else caller.credential,
                outcome=outcome,
                origin=trail.origin,
                details={**details, **more} if details else more,
            )
        )

    def announce(self, kind: EventType, *, outcome: Outcome = "success", **details: Detail) -> None:
        """Records what no request did, such as a file that was read again, without anybody waiting for it."""
        self.record(kind, outcome=outcome, details=details)
        task = asyncio.create_task(self._announce())
        self._announcing.add(task)  # the loop holds tasks weakly
        task.add_done_callback(self._announcing.discard)

    async def _announce(self) -> None:
        try:
            await self._rest.commit()
        except DependencyDown as error:
            _log.warning(
                "event_not_recorded", reason=error.detail, remedy="It is kept, and recorded with the next one."
            )

    async def commit(self, *, strict: bool = False) -> None:
        """Returns when everything this request recorded is safe.

        Args:
            strict: Record it as firmly as the mode promises, or not at all: for what is recorded before it is done.

        Raises:
            DependencyDown: It is not.
        """
        trail = _current.get() or self._rest
        await trail.commit(strict=strict)
