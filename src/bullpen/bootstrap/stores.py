"""The database and the server's secret."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from pydantic import SecretStr
from redis.asyncio import Redis, RedisCluster
from sqlalchemy.ext.asyncio import AsyncEngine

from bullpen.security.authentication import Peppers
from bullpen.security.authentication.first import data_folder, server_secret
from bullpen.security.authentication.sql import SqlKeyStore
from bullpen.settings import Settings
from bullpen.stores import open_engine, open_redis
from bullpen.stores.cluster import is_cluster, open_cluster
from bullpen.stores.schema import upgrade, wait_until_current
from bullpen.stores.secrets import Password, Secrets

__all__ = ["engine_of", "key_store", "open_database", "peppers_of", "plain", "redis_client", "secret_of"]


@asynccontextmanager
async def open_database(settings: Settings, *, password: Password = None) -> AsyncIterator[AsyncEngine]:
    """The database, with today's schema. SQLite migrates itself; a server is migrated by `bullpen migrate`.

    `password` tells the one that holds now; without it the one of the start stays.
    """
    engine = engine_of(settings, password=password)
    try:
        if engine.dialect.name == "sqlite":
            await upgrade(engine)
        else:
            await wait_until_current(engine, longest=settings.database_migration_wait)
        yield engine
    finally:
        await engine.dispose()


@asynccontextmanager
async def key_store(settings: Settings) -> AsyncIterator[tuple[SqlKeyStore, Peppers]]:
    """The store of API keys, and the peppers their digests are keyed with."""
    async with open_database(settings) as engine:
        yield SqlKeyStore(engine), peppers_of(settings)


def redis_client(stack: AsyncExitStack, settings: Settings, *, secrets: Secrets) -> Redis | RedisCluster:
    """A client of one room's own, so that a crowd in another does not make it wait for a connection."""
    url = str(settings.redis_url)
    opener = open_cluster if is_cluster(url) else open_redis
    client = opener(url, password=secrets.reader("REDIS_PASSWORD"))
    stack.push_async_callback(client.aclose)
    return client


def peppers_of(settings: Settings) -> Peppers:
    """What digests of keys are keyed with: the secret of today, and the one before."""
    older = plain(settings.api_secret_key_previous)
    return Peppers(secret_of(settings), *([older] if older else []))


def engine_of(settings: Settings, *, password: Password = None, pool_size: int = 5) -> AsyncEngine:
    """The database's engine, whatever its schema is."""
    url = settings.database_url or f"sqlite:///{data_folder(settings.data_dir) / 'bullpen.db'}"
    return open_engine(url, password=password or plain(settings.database_password), pool_size=pool_size)


def secret_of(settings: Settings) -> str:
    """The operator's secret, or the one this machine made for itself."""
    return plain(settings.api_secret_key) or server_secret(data_folder(settings.data_dir))


def plain(secret: SecretStr | None) -> str | None:
    """The secret in the clear."""
    return secret.get_secret_value() if secret else None
