"""Whether this replica can work, and whether its event loop keeps time."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial

from bullpen.bootstrap.crew import Crew
from bullpen.bootstrap.ground import Ground
from bullpen.bootstrap.identity import Identity
from bullpen.llm.probes import Probes
from bullpen.operations import Dependency, Health
from bullpen.settings import Settings
from bullpen.stores import redis as redis_store
from bullpen.stores import sql as sql_store
from bullpen.telemetry import LoopLag, Metrics, StallWatch

__all__ = ["open_health"]


def open_health(stack: AsyncExitStack, settings: Settings, works: Crew, ground: Ground, identity: Identity) -> Health:
    """Begins to look after everything this replica needs, or likes to have."""
    lag = _pulse(stack, settings, works.metrics)
    probes = Probes(works.models.doors if settings.health.probe_models else [])
    stack.push_async_callback(probes.aclose)
    health = Health(
        [
            *_stores(ground, identity),
            # Without one of these what needs it fails, and everything else goes on.
            *_optional("mcp", works.toolbox.servers),
            *_optional("model", probes.checks),
        ],
        metrics=works.metrics,
        every=settings.health.every,
        failures=settings.health.failures,
        lag=lag,
    )
    health.start()
    stack.push_async_callback(health.aclose)
    return health


def _pulse(stack: AsyncExitStack, settings: Settings, metrics: Metrics) -> LoopLag:
    """The lag of the event loop, and who is to blame for it."""
    lag = LoopLag(metrics=metrics)
    lag.start()
    stack.callback(lag.stop)
    watch = StallWatch(lag=lag, metrics=metrics, after=settings.health.stall_seconds)
    watch.start()
    stack.callback(watch.stop)
    return lag


def _stores(ground: Ground, identity: Identity) -> list[Dependency]:
    dependencies = [Dependency(name="database", check=partial(sql_store.ping, ground.engine))]
    if ground.redis is not None:
        # Without it limits go on in each replica, so its absence must not take one out.
        dependencies.append(Dependency(name="redis", check=partial(redis_store.ping, ground.redis), required=False))
    if identity.provider is not None:
        # Its last known keys stand, and API keys do not need it.
        dependencies.append(Dependency(name="identity_provider", check=identity.provider.check, required=False))
    return dependencies


def _optional(kind: str, checks: Mapping[str, Callable[[], Awaitable[None]]]) -> list[Dependency]:
    return [Dependency(name=f"{kind}:{name}", check=check, required=False) for name, check in checks.items()]
