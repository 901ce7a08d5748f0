"""Who is asking: API keys, sessions and tokens, opened together."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from bullpen.bootstrap.tokens import open_tokens
from bullpen.clock import SystemClock
from bullpen.operations.strength import weakness
from bullpen.rounds import Rounds
from bullpen.security.authentication import (
    KeyRing,
    KeySet,
    Locksmith,
    News,
    Pace,
    Peppers,
    Revocations,
    Sessions,
    Tokens,
    Upkeep,
)
from bullpen.security.authentication.first import admin_key, data_folder, first_key
from bullpen.security.authentication.redis import RedisNews
from bullpen.security.authentication.sql import SqlKeyStore, SqlSessionStore
from bullpen.settings import Settings
from bullpen.telemetry import Metrics

__all__ = ["Identity", "open_identity"]

_HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What recognises callers, and what makes their credentials.

    Attributes:
        first_key: The API key this machine made for itself; None when the server is not on a laptop.
        provider: The identity provider's keys, a dependency; None without a provider.
    """

    peppers: Peppers
    ring: KeyRing
    locksmith: Locksmith
    tokens: Tokens
    sessions: Sessions
    first_key: str | None
    provider: KeySet | None


@asynccontextmanager
async def open_identity(
    settings: Settings,
    *,
    engine: AsyncEngine,
    redis: Redis | None,
    secret: str,
    older: Sequence[str] = (),
    roles: Collection[str],
    metrics: Metrics,
    exposed: bool,
) -> AsyncIterator[Identity]:
    """Opens the stores' mirrors, and lets the first keys in.

    Args:
        settings: What the operator set.
        engine: The database, migrated.
        redis: Carries the news of changes, if it is there.
        secret: Signs tokens, and peppers digests.
        older: Secrets that are still accepted.
        roles: The roles there are.
        metrics: Where reloads are counted.
        exposed: Whether others can reach the server; it then makes no key for itself.

    Raises:
        Misconfigured: Names what is wrong with a file or a setting.
        DependencyDown: The database is away.
    """
    peppers, keys, stored = Peppers(secret, *older), SqlKeyStore(engine), SqlSessionStore(engine)
    pace = Pace(stale_after=settings.auth.keys_stale_after)
    async with AsyncExitStack() as stack:
        first = await _admit(settings, keys, peppers, exposed=exposed)
        news = _news(stack, redis)
        upkeep = await stack.enter_async_context(Upkeep(keys, peppers=peppers))
        ring = await stack.enter_async_context(KeyRing(keys, peppers=peppers, upkeep=upkeep, news=news, pace=pace))
        revocations = await stack.enter_async_context(Revocations(stored, ring=ring, news=news, pace=pace))
        tokens, provider = await stack.enter_async_context(
            open_tokens(
                settings.auth,
                secret=secret,
                older=older,
                revoked=revocations.withdrawn,
                roles=roles,
                metrics=metrics,
            )
        )
        sessions = Sessions(stored, ring=ring, revocations=revocations, press=tokens, peppers=peppers, news=news)
        pruning = Rounds(sessions.prune, every=_HOUR, name="session-pruning")
        stack.push_async_callback(pruning.aclose)
        pruning.start()
        yield Identity(
            peppers=peppers,
            ring=ring,
            locksmith=Locksmith(keys, peppers=peppers, ring=ring, news=news),
            tokens=tokens,
            sessions=sessions,
            first_key=first,
            provider=provider,
        )


async def _admit(settings: Settings, keys: SqlKeyStore, peppers: Peppers, *, exposed: bool) -> str | None:
    """Lets the first keys in; the one this machine made for itself."""
    now = SystemClock().now()
    if settings.bootstrap_admin_key_file:
        await admin_key(settings.bootstrap_admin_key_file, store=keys, peppers=peppers, now=now, weakness=weakness)
    if exposed:
        return None
    return (await first_key(data_folder(settings.data_dir), store=keys, peppers=peppers, now=now)).text


def _news(stack: AsyncExitStack, redis: Redis | None) -> News:
    if redis is None:
        return News()
    news = RedisNews(redis)
    stack.push_async_callback(news.aclose)
    news.start()
    return news
