"""Where a request meets its limits: policy, limiter and metrics in one step."""

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
    """

    def __init__(self, *, policy: Policy, limiter: Limiter, metrics: Metrics) -> None:
        self.policy = policy
        self._limiter = limiter
        self._limited = metrics.rate_limited_total

    async def enter(self, subject: Subject, *, requests: int = 1, tokens: int = 0, lease: float = 300.0) -> Verdict:
        """Charges every level that applies, all or none.

        Args:
            subject: Who asks for what.
            requests: How many this counts for, as for a batch.
            tokens: An estimate to reserve; 0 only refuses those who have used too many.
            lease: Seconds after which its places under the caps are free again, whatever became of it.

        Returns:
            What to tell the caller, and to `leave` with.

        Raises:
            RateLimited: A level said no, and nothing was taken anywhere.
        """
        buckets, token_buckets, caps = self.policy.applying(subject)
        charges = [Charge(bucket, requests) for bucket in buckets]
        charges += [Charge(bucket, tokens) for bucket in token_buckets]
        verdict = await self._limiter.admit(charges, caps=caps, lease=lease)
        if not verdict.admitted:
            raise self._refused(verdict, subject)
        return verdict

    async def settle(self, verdict: Verdict, *, tokens: int) -> None:
        """Corrects what `enter` reserved to what was used. To be called once."""
        owed = [
            Charge(bucket, tokens - reserved)
            for (bucket, reserved), *_ in verdict.standings
            if bucket.unit == "tokens" and tokens != reserved
        ]
        if owed:
            await self._limiter.correct(owed)

    async def leave(self, verdict: Verdict) -> None:
        """Gives the places under the caps back."""
        if verdict.lease is not None:
            await self._limiter.release(verdict.lease)

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
        names = ", ".join(f"`{level.name}`" for level in denials)
        return RateLimited(
            f"Too many requests at the level {names}. Try again in {max(1.0, verdict.retry_after):.0f} s.",
            retry_after=verdict.retry_after,
            headers=rate_limit_headers(verdict),
        )
