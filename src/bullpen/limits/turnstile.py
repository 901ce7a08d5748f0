"""Where a request meets its limits: policy, limiter and metrics in one step."""

import math

import structlog

from bullpen.errors import RateLimited
from bullpen.limits.headers import rate_limit_headers
from bullpen.limits.policy import Policy, Subject
from bullpen.limits.ports import EVENTS, Charge, Limiter, Verdict
from bullpen.telemetry import Metrics

__all__ = ["Turnstile"]

_log = structlog.get_logger()


class Turnstile:
    """Lets requests in, or says when to come back.

    Attributes:
        policy: What holds now; replacing it changes the limits of the next request.
        degraded: Whether this replica decided alone, the last time it was asked.
        is_shared: Whether other replicas count with this one, so that the limiter has to be waited for.
    """

    def __init__(self, *, policy: Policy, limiter: Limiter, metrics: Metrics, is_shared: bool = False) -> None:
        self.policy = policy
        self.is_shared = is_shared
        self.degraded = False
        self._limiter = limiter
        self._limited = metrics.rate_limited_total

    async def enter(
        self, subject: Subject, *, requests: int = 1, held: int = 0, tokens: int | None = None, lease: float = 300.0
    ) -> Verdict:
        """Charges every level that applies, all or none.

        Args:
            subject: Who asks for what.
            requests: How many this counts for, as for a batch.
            held: How many it was let in for already, and so has its places: it takes none again.
            tokens: An estimate to reserve; 0 only refuses those who have used too many. None asks nobody: what runs
                no model is nothing that a caller who owes tokens must wait for.
            lease: Seconds after which its places under the caps are free again, whatever became of it.

        Returns:
            What to tell the caller, and to `leave` with.

        Raises:
            RateLimited: A level said no, and nothing was taken anywhere.
        """
        buckets, token_buckets, caps = self.policy.applying(subject)
        charges = [Charge(bucket, requests, held) for bucket in buckets]
        if tokens is not None:
            charges += [Charge(bucket, tokens) for bucket in token_buckets]
        verdict = await self._limiter.admit(charges, caps=() if held else caps, lease=lease)
        self.degraded = verdict.degraded
        if not verdict.admitted:
            raise self._refused(verdict, subject)
        return verdict

    async def settle(self, verdict: Verdict, *, tokens: int) -> None:
        """Corrects what `enter` reserved to what was used. To be called once."""
        await self._limiter.settle(verdict, tokens=tokens)

    async def leave(self, verdict: Verdict) -> None:
        """Gives the places under the caps back."""
        if verdict.lease is not None:
            await self._limiter.release(verdict.lease)

    async def active(self) -> int:
        """How many buckets are in use, for those who look after the service; an estimate when they are many."""
        return await self._limiter.active()

    def _refused(self, verdict: Verdict, subject: Subject) -> RateLimited:
        denials = verdict.denials
        for level in denials:
            self._limited.labels(level.name).inc()
            if level.reason is not None:
                _log.info(
                    EVENTS[level.reason],
                    limit=level.name,
                    tenant=subject.tenant,
                    user_id=subject.user_id,
                    route=subject.route,
                    degraded=verdict.degraded,
                )
        return RateLimited(
            _told(verdict),
            retry_after=verdict.retry_after,
            headers=rate_limit_headers(verdict),
            event=EVENTS[denials[0].reason or "excess"],
            level=denials[0].name,
        )


def _told(verdict: Verdict) -> str:
    """What a caller reads. Of more than a burst it would otherwise not learn why it waits so long."""
    names = ", ".join(f"`{level.name}`" for level in verdict.denials)
    text = f"Too many requests at the level {names}. Try again in {max(1, math.ceil(verdict.retry_after))} s."
    for (bucket, cost, held), limit, _, reason, _ in verdict.standings:
        if reason is not None and cost + held > limit.burst:
            return f"{text} Up to {limit.burst} {bucket.unit} at once wait less."
    return text
