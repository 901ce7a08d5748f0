"""Limits that hold while Redis is away: each replica then keeps its own part."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextvars import Context
from typing import Any, Final, TypeVar

import structlog

from bullpen.errors import DependencyDown
from bullpen.limits.gcra import MICROSECONDS, Limit
from bullpen.limits.ports import Bucket, Cap, Charge, Lease, Limiter, Verdict
from bullpen.stores.questions import Questions, answered
from bullpen.telemetry import Metrics

__all__ = ["PATIENCE", "StandbyLimiter"]

_T = TypeVar("_T")
_log = structlog.get_logger()

PATIENCE: Final = 0.05
"""Seconds a request waits for the shared limiter, at most."""

_PROBE_PATIENCE: Final = 2.0  # seconds; nobody waits for a probe, and a first TLS connection takes its time
_PROBE: Final = (Charge(Bucket("probe", "", Limit(MICROSECONDS, MICROSECONDS, 1000))),)


class StandbyLimiter:
    """Implements `Limiter` by a shared one, and by one in this process while the shared one does not answer.

    Failure mode: degraded. The request that finds the shared limiter gone waits 50 ms at most, those after it not at
    all. A log line and the metric `limits_degraded` say so. A probe, which does what a request does, goes on asking;
    its first success ends it. What was admitted meanwhile is not counted afterwards.
    """

    def __init__(
        self, shared: Limiter, own: Limiter, *, metrics: Metrics, patience: float = PATIENCE, probe_every: float = 1.0
    ) -> None:
        """Takes over with `own`, which keeps this replica's part of every limit.

        Args:
            shared: Raises `DependencyDown`, or does not answer, when it is away.
            own: Never fails.
            metrics: Where the degraded mode shows.
            patience: Longest wait of a request for `shared`, seconds.
            probe_every: Pause between two probes, seconds; the first is made at once.
        """
        self._shared = shared
        self._own = own
        self._gauge = metrics.limits_degraded
        self._patience = patience
        self._probe_every = probe_every
        self._probing: asyncio.Task[None] | None = None
        self._questions = Questions()
        self._gauge.set(0)

    @property
    def degraded(self) -> bool:
        """Whether this replica limits alone now."""
        return self._probing is not None

    async def admit(self, charges: Sequence[Charge], *, caps: Sequence[Cap] = (), lease: float = 300.0) -> Verdict:
        """See `Limiter.admit`."""

        async def alone() -> Verdict:
            verdict = await self._own.admit(charges, caps=caps, lease=lease)
            held = verdict.lease and verdict.lease._replace(degraded=True)
            return verdict._replace(lease=held, degraded=True)

        async def shared() -> Verdict:
            return await self._in_time(self._shared.admit(charges, caps=caps, lease=lease), late=self._give_back)

        return await self._answer(shared, alone)

    async def settle(self, verdict: Verdict, *, tokens: int) -> None:
        """See `Limiter.settle`. What a Redis that is away has reserved too much drains there by itself."""
        if verdict.degraded:
            await self._own.settle(verdict, tokens=tokens)
        else:
            beyond = max(tokens, verdict.reserved)
            await self._answer(
                lambda: self._in_time(self._shared.settle(verdict, tokens=tokens)),
                lambda: self._own.settle(verdict, tokens=beyond),
            )

    async def release(self, lease: Lease) -> None:
        """See `Limiter.release`. A place held in a Redis that is away stays taken until its lease expires."""
        if lease.degraded:
            await self._own.release(lease)
        else:
            await self._answer(lambda: self._in_time(self._shared.release(lease)), _nothing)

    async def active(self) -> int:
        """See `Limiter.active`."""
        return await self._answer(lambda: self._in_time(self._shared.active()), self._own.active)

    async def aclose(self) -> None:
        """Stops probing."""
        probing = self._probing
        while probing is not None and not probing.done():
            probing.cancel()
            await asyncio.wait((probing,), timeout=1)

    async def _answer(self, ask: Callable[[], Awaitable[_T]], alone: Callable[[], Awaitable[_T]]) -> _T:
        if not self.degraded:
            try:
                return await ask()
            except (DependencyDown, TimeoutError) as error:
                self._degrade(error)
        return await alone()

    async def _in_time(
        self,
        question: Coroutine[Any, Any, _T],
        *,
        patience: float | None = None,
        late: Callable[[_T], Awaitable[None]] | None = None,
    ) -> _T:
        """Waits no longer than that, even for a question that does not heed being cancelled.

        With `late` an answer that comes after that is not called off at once, and handed to it.
        """
        asking = self._questions.ask(question)
        try:
            if await answered(asking, within=patience or self._patience):
                return asking.result()
        except asyncio.CancelledError:
            self._call_off(asking, late)
            raise
        self._call_off(asking, late)
        raise TimeoutError

    def _call_off(self, asking: asyncio.Task[_T], late: Callable[[_T], Awaitable[None]] | None) -> None:
        if late is None:
            asking.cancel()
        else:
            self._questions.ask(_hear_out(asking, late))

    async def _give_back(self, verdict: Verdict) -> None:
        """A place that was granted too late: otherwise it would stay taken for as long as a request may last."""
        if verdict.lease is not None:
            await self._shared.release(verdict.lease)

    def _degrade(self, error: BaseException) -> None:
        """Begins the degraded mode, unless a request beside this one has already."""
        if self._probing is None:
            self._gauge.set(1)
            reason = str(error) or "Redis did not answer in time."
            _log.warning("limits_degraded", reason=reason, remedy="Look after Redis; probing until then.")
            # In a context of its own: what it logs is of no request.
            self._probing = asyncio.create_task(self._probe(), context=Context())

    async def _probe(self) -> None:
        try:
            await self._until_it_answers()
        finally:
            self._probing = None
        self._gauge.set(0)
        _log.info("limits_shared_again")

    async def _until_it_answers(self) -> None:
        while True:
            if await self._answers():
                return
            await asyncio.sleep(self._probe_every)

    async def _answers(self) -> bool:
        try:
            await self._in_time(self._shared.admit(_PROBE), patience=_PROBE_PATIENCE)
        except (DependencyDown, TimeoutError):
            return False
        return True


async def _hear_out(asking: asyncio.Task[_T], late: Callable[[_T], Awaitable[None]]) -> None:
    done, _ = await asyncio.wait((asking,), timeout=_PROBE_PATIENCE)
    asking.cancel()
    if done:
        await late(asking.result())


async def _nothing() -> None:
    pass
