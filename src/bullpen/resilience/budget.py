"""How many retries all calls of a model may make together."""

from typing import Final

import structlog

from bullpen.resilience.labels import labels
from bullpen.telemetry import Metrics

__all__ = ["RetryBudgets"]

_UNIT: Final = 1_000_000  # parts of one retry, so that sums are exact

_log = structlog.get_logger("bullpen.resilience")


class RetryBudgets:
    """A token bucket for each model, by its name, after `RetryBudget` of Finagle (Twitter, 2016).

    Each first attempt puts in a share of a retry, each retry takes out one. A few failures are retried freely; when a
    model is down, retries add that share to its load and no more. Over any sequence there are at most
    `ratio` x calls + `reserve` retries.

    What was not used is kept up to `kept` retries, so that a long good time does not pay for a storm. Finagle lets it
    expire after ten seconds instead; a bound in retries needs no clock. Calls that come together put in together and
    take out together: to save all that may be saved, `kept` should be `ratio` x the calls under way at once, and 20 for
    chance.

    Failure mode: closed. Without balance there is no retry.
    """

    def __init__(self, *, metrics: Metrics, ratio: float = 0.3, reserve: int = 10, kept: int = 100) -> None:
        """One budget of its own for each model.

        Args:
            metrics: Where it shows that a budget is used up.
            ratio: Retries for each call.
            reserve: Retries a model has before its first call.
            kept: Retries saved up at most; no less than `reserve`.
        """
        self._metrics = metrics
        self._share = round(ratio * _UNIT)
        self._reserve = reserve * _UNIT
        self._kept = max(reserve, kept) * _UNIT
        self._balances: dict[str, int] = {}

    def call(self, name: str) -> None:
        """A first attempt is made."""
        balance = self._balances.get(name, self._reserve) + self._share
        self._balances[name] = min(balance, self._kept)

    def take(self, name: str) -> bool:
        """Takes one retry; False when none is left."""
        balance = self._balances.get(name, self._reserve)
        if balance < _UNIT:
            self._metrics.retry_budget_exhausted_total.labels(*labels(name)).inc()
            return False
        self._balances[name] = balance - _UNIT
        return True

    def retried(self, name: str, *, reason: str, number: int, wait: float) -> None:
        """Tells that the `number`th retry of a call begins after `wait` seconds."""
        self._metrics.model_retries_total.labels(*labels(name), reason).inc()
        _log.info("model_retry", model=name, reason=reason, number=number, wait=round(wait, 3))
