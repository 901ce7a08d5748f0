"""What stands before every model call: breakers, limits, and the budget of retries."""

from contextlib import AsyncExitStack

from bullpen.bootstrap.stores import redis_client
from bullpen.llm import Safeguards
from bullpen.resilience import AdaptiveLimits, Breakers, RetryBudgets
from bullpen.resilience.breaker import BreakerPolicy
from bullpen.resilience.gradient import AdaptivePolicy
from bullpen.resilience.local import LocalBreakers
from bullpen.resilience.redis import SharedBreakers
from bullpen.settings import Settings
from bullpen.stores.secrets import Secrets
from bullpen.telemetry import Metrics

__all__ = ["safeguards_alone", "safeguards_of"]


def safeguards_alone(settings: Settings, *, metrics: Metrics) -> Safeguards:
    """Safeguards of this process alone."""
    return _around(LocalBreakers(metrics=metrics, policy=_breaker(settings)), settings, metrics=metrics)


def safeguards_of(stack: AsyncExitStack, settings: Settings, *, secrets: Secrets, metrics: Metrics) -> Safeguards:
    """Safeguards whose breakers are those of all replicas, when there is a Redis."""
    if not settings.redis_url:
        return safeguards_alone(settings, metrics=metrics)
    client = redis_client(stack, settings, secrets=secrets)
    breakers = SharedBreakers(client, metrics=metrics, policy=_breaker(settings))
    breakers.start()
    stack.push_async_callback(breakers.aclose)
    return _around(breakers, settings, metrics=metrics)


def _around(breakers: Breakers, settings: Settings, *, metrics: Metrics) -> Safeguards:
    adaptive, retry = settings.adaptive, settings.retry
    return Safeguards(
        breakers=breakers,
        limits=AdaptiveLimits(
            metrics=metrics,
            policy=AdaptivePolicy(
                floor=adaptive.floor, start=adaptive.start, ceiling=adaptive.ceiling, tolerance=adaptive.tolerance
            ),
            rest_max=adaptive.rest_max,
        ),
        budgets=RetryBudgets(metrics=metrics, ratio=retry.budget, reserve=retry.reserve, kept=retry.kept),
    )


def _breaker(settings: Settings) -> BreakerPolicy:
    given = settings.breaker
    return BreakerPolicy(
        failures=given.failures,
        ratio=given.ratio,
        window=given.window,
        open_seconds=given.open_seconds,
        successes=given.successes,
        lease=given.probe_lease,
    )
