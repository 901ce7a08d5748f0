"""Whether a failed model call is made again, and after what pause: the one place that retries."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

import stamina
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from bullpen.errors import BullpenError, ModelBusy, ModelNonsense, ModelTimeout, ModelUnavailable
from bullpen.resilience.budget import RetryBudgets
from bullpen.resilience.deadline import Deadline

__all__ = ["Pauses", "RetryPolicy", "is_transient"]

_TRANSIENT: Final = (ModelUnavailable, ModelBusy, ModelTimeout, ModelNonsense)


def is_transient(error: BullpenError) -> bool:
    """Whether the same call may go well a little later.

    Not a deadline that has passed, not what a provider refuses for good, and not an open breaker: it says itself when
    to come back, which is later than anybody pauses.
    """
    return isinstance(error, _TRANSIENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often, and how far apart.

    The nth pause is `delay` x 2^(n-1), plus up to `delay` at random, and `delay_max` at most ("Exponential Backoff And
    Jitter", Brooker, AWS 2015).

    Attributes:
        retries: Further attempts after the first.
        delay: Seconds.
        delay_max: Seconds.
        margin: Seconds that must be left before the deadline when a pause ends; less is no time to answer in.
    """

    retries: int = 3
    delay: float = 1.0
    delay_max: float = 10.0
    margin: float = 0.1


class Pauses:
    """The pauses between the attempts at one model call. Made at its first failure, for most calls have none.

    stamina decides and waits. It is told of each failure as if it had made the attempt itself, so that a call that
    goes well at once costs nothing here.
    """

    def __init__(
        self,
        policy: RetryPolicy,
        *,
        name: str,
        deadline: Deadline,
        budgets: RetryBudgets,
        may_retry: Callable[[], bool] = lambda: True,
    ) -> None:
        """Pauses of one call of the model `name`.

        Args:
            policy: How many, and how long.
            name: Of the model: `provider:model`.
            deadline: No pause begins that would not end in time.
            budgets: Where each retry is taken from, last of all, so that none is paid for that is not made.
            may_retry: Asked after each failure that is transient: whether this call can be made again at all.
        """
        self._policy = policy
        self._name = name
        self._deadline = deadline
        self._budgets = budgets
        self._may_retry = may_retry
        self._attempts: AsyncIterator[stamina.Attempt] | None = None
        self._attempt: stamina.Attempt

    async def after(self, error: Exception) -> None:
        """Pauses after `error`, one of our errors or an exception that carries it as `failure`.

        The pause is as long as a `ModelBusy` asks for, if that is longer than its own.

        Raises:
            Exception: `error` itself, at once, when there will be no retry: it is not transient, too many were made, no
                time is left, or the budget is used up.
        """
        if self._attempts is None:
            self._attempts = self._begin()
            self._attempt = await anext(self._attempts)
        self._attempt.__exit__(type(error), error, error.__traceback__)
        self._attempt = await anext(self._attempts)

    def told(self, details: RetryDetails) -> None:
        """Counts and logs a retry; stamina calls this when its pause begins."""
        reason = _failure(details.caused_by).kind
        self._budgets.retried(self._name, reason=reason, number=details.retry_num, wait=details.wait_for)

    def _begin(self) -> AsyncIterator[stamina.Attempt]:
        # The process has one set of hooks. stamina's own would add to Prometheus' global registry, and log arguments.
        set_on_retry_hooks([_tell])
        policy = self._policy
        retries = stamina.retry_context(
            on=self._decide,
            attempts=policy.retries + 1,
            timeout=None,
            wait_initial=policy.delay,
            wait_max=policy.delay_max,
            wait_jitter=policy.delay,
        )
        return aiter(retries.with_name(self._name, (self,), {}))

    def _decide(self, error: Exception) -> bool | float:
        """What stamina asks for: no, yes after a pause of its own, or yes after so many seconds."""
        failure = _failure(error)
        if self._attempt.num > self._policy.retries or not is_transient(failure):
            return False
        asked = (failure.retry_after or 0.0) if isinstance(failure, ModelBusy) else 0.0
        shortest = self._attempt.next_wait
        longest = max(asked, min(self._policy.delay_max, shortest + self._policy.delay))
        if longest + self._policy.margin > self._deadline.remaining():
            return False
        if not (self._may_retry() and self._budgets.take(self._name)):
            return False
        return asked if asked > shortest else True


def _failure(error: BaseException) -> BullpenError:
    failure = getattr(error, "failure", error)
    return failure if isinstance(failure, BullpenError) else BullpenError("")


def _tell(details: RetryDetails) -> None:
    for each in details.args:
        if isinstance(each, Pauses):
            each.told(details)
