"""Where events are collected and recorded: before the answer leaves, in one append a request."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from typing import Final

from bullpen.caller import Caller
from bullpen.clock import Clock, SystemClock
from bullpen.outbox import Fact, Outbox
from bullpen.security.audit.events import HOUSE, Detail, Event, EventType, Origin, Outcome, to_json

__all__ = ["TOPIC", "Audit", "Trail"]

TOPIC: Final = "audit"

_NOWHERE: Final = Origin()


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

    Inside `trail()` events are collected, and recorded together by `commit`. Outside, each `commit` records what was
    recorded since the one before.
    """

    def __init__(self, outbox: Outbox, *, clock: Clock | None = None) -> None:
        self._outbox = outbox
        self._clock = clock or SystemClock()
        self._rest = Trail(outbox, _NOWHERE)
        # Unique without asking the system for random bytes at every event: a random start, and a count from there.
        self._prefix = secrets.token_hex(10)
        self._numbers = count()

    @property
    def degraded(self) -> bool:
        """Whether events are recorded less firmly than the mode promises."""
        return self._outbox.degraded

    @contextmanager
    def trail(self, origin: Origin) -> Iterator[Trail]:
        """Collects what is recorded inside the block, by this task and the ones it starts."""
        trail = Trail(self._outbox, origin)
        token = _current.set(trail)
        try:
            yield trail
        finally:
            _current.reset(token)

    def record(
        self,
        kind: EventType,
        caller: Caller | None = None,
        *,
        outcome: Outcome = "success",
        tenant: str = HOUSE,
        actor: str = "",
        **details: Detail,
    ) -> None:
        """Collects an event. `tenant` and `actor` are the caller's when there is one."""
        trail = _current.get() or self._rest
        trail.add(
            Event(
                id=f"{self._prefix}-{next(self._numbers):x}",
                at=self._clock.now(),
                type=kind,
                tenant=tenant if caller is None else caller.tenant,
                actor=actor if caller is None else caller.user_id,
                credential="" if caller is None else caller.credential,
                outcome=outcome,
                origin=trail.origin,
                details=details,
            )
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
