"""What a command needs to change API keys as a server does: on record first, and known to every replica at once."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from bullpen.bootstrap.audit import open_outbox
from bullpen.bootstrap.stores import open_database, peppers_of, plain
from bullpen.errors import DependencyDown
from bullpen.security.audit import Audit
from bullpen.security.authentication import Locksmith, News
from bullpen.security.authentication.redis import RedisNews
from bullpen.security.authentication.sql import SqlKeyStore
from bullpen.settings import Settings
from bullpen.stores import open_redis
from bullpen.telemetry import Metrics

__all__ = ["open_locksmith"]


@asynccontextmanager
async def open_locksmith(settings: Settings) -> AsyncIterator[tuple[Locksmith, Audit]]:
    """The keys of the house, and the trail that changes to them must be recorded in.

    Raises:
        Misconfigured: A setting is wrong.
        DependencyDown: The database is away, or what is done could not be recorded.
    """
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(open_database(settings))
        outbox = await stack.enter_async_context(open_outbox(settings, engine=engine, metrics=Metrics()))
        locksmith = Locksmith(SqlKeyStore(engine), peppers=peppers_of(settings), news=_news(stack, settings))
        audit = Audit(outbox)
        try:
            yield locksmith, audit
        finally:
            # That what was on record could not be done must be on record as well.
            with suppress(DependencyDown):
                await audit.commit()


def _news(stack: AsyncExitStack, settings: Settings) -> News:
    """Tells, and does not listen."""
    if not settings.redis_url:
        return News()
    client = open_redis(settings.redis_url, password=plain(settings.redis_password))
    stack.push_async_callback(client.aclose)
    return RedisNews(client)
