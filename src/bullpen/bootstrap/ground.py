"""What the rooms stand on: the stores, who else is there, and what must be written down from the first moment on."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from bullpen.bootstrap.audit import AuditTrail, open_trail
from bullpen.bootstrap.stores import open_database, redis_client
from bullpen.limits.presence import Presence
from bullpen.settings import Settings
from bullpen.stores import open_redis
from bullpen.stores.secrets import Secrets
from bullpen.telemetry import Metrics

__all__ = ["Ground", "open_ground"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the rooms stand on.

    Attributes:
        replicas: How many processes share what is limited, this one included.
    """

    secrets: Secrets
    engine: AsyncEngine
    redis: Redis | None
    trail: AuditTrail
    replicas: Callable[[], int]


@asynccontextmanager
async def open_ground(settings: Settings, secrets: Secrets, metrics: Metrics) -> AsyncIterator[Ground]:
    """Opens it.

    Raises:
        DependencyDown: The database is away, or was not migrated in time.
    """
    password = secrets.reader("DATABASE_PASSWORD")
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(open_database(settings, password=password))
        redis = _redis(stack, settings, secrets)
        trail = await stack.enter_async_context(open_trail(settings, engine=engine, password=password, metrics=metrics))
        replicas = _replicas(stack, settings, secrets)
        yield Ground(secrets=secrets, engine=engine, redis=redis, trail=trail, replicas=replicas)


def _redis(stack: AsyncExitStack, settings: Settings, secrets: Secrets) -> Redis | None:
    if not settings.redis_url:
        return None
    client = open_redis(settings.redis_url, password=secrets.reader("REDIS_PASSWORD"))
    stack.push_async_callback(client.aclose)
    return client


def _replicas(stack: AsyncExitStack, settings: Settings, secrets: Secrets) -> Callable[[], int]:
    """Counts those who are there; without Redis, as many as the operator says."""
    least = settings.limits.replicas
    if not settings.redis_url:
        return lambda: least
    presence = Presence(redis_client(stack, settings, secrets=secrets), least=least)
    presence.start()
    stack.push_async_callback(presence.aclose)
    return lambda: presence.replicas
