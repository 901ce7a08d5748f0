"""The composition root: settings in, services out. The only place that names concrete adapters.

Everything opened here is closed in reverse order when the block ends. Tests come in by the same door: `providers`
brings scripted models, and nothing is patched.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

from pydantic import AnyHttpUrl, SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from bullpen import __version__
from bullpen.agents import Builder, Catalogue, Runner, Toolbox
from bullpen.clock import SystemClock
from bullpen.costs.prices import PriceList
from bullpen.costs.usage import MeteredUsage
from bullpen.errors import Misconfigured
from bullpen.execution import Execution
from bullpen.llm import Endpoint, Makers, ModelName, Models
from bullpen.llm.local import AllowAll
from bullpen.operations import Dependency, Health
from bullpen.pool import Pool
from bullpen.pool.local import LocalPool
from bullpen.security.authentication import Authenticator, KeyRing, Tokens, pepper_from
from bullpen.security.authentication.first import data_folder, first_key, server_secret
from bullpen.security.authentication.sql import SqlKeyStore
from bullpen.security.authorization import Policy
from bullpen.security.authorization.roles import ROLES, RoleTable
from bullpen.settings import Settings
from bullpen.stores import open_engine, open_redis
from bullpen.stores import redis as redis_store
from bullpen.stores import sql as sql_store
from bullpen.stores.schema import upgrade, wait_until_current
from bullpen.telemetry import LoopLag, Metrics
from bullpen.telemetry import logging as log

__all__ = [
    "Cast",
    "Crew",
    "Services",
    "bootstrap",
    "cast",
    "crew",
    "engine_of",
    "key_store",
    "known_roles",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who can work: what `bullpen agents check` looks at. Nothing of it is connected yet."""

    metrics: Metrics
    models: Models
    toolbox: Toolbox
    catalogue: Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew(Cast):
    """The same, ready to work."""

    pool: Pool
    policy: Policy
    execution: Execution


@dataclass(frozen=True, slots=True, kw_only=True)
class Services(Crew):
    """Everything a server needs.

    Attributes:
        first_key: The API key this machine made for itself; None when the server is not on a laptop.
    """

    authenticator: Authenticator
    health: Health
    first_key: str | None


def cast(settings: Settings, *, providers: Makers | None = None, wrong: Sequence[str] = ()) -> Cast:
    """Reads the catalogue and checks it.

    Raises:
        Misconfigured: Names everything that is wrong with the models, the tools and the agents, and before that what
            the caller has found `wrong`.
    """
    metrics = Metrics(version=__version__)
    try:
        models = _models(settings, metrics, providers or {})
        toolbox = Toolbox.load(settings.config_dir / "tools.yaml")
        catalogue = Catalogue.load(settings.config_dir / "agents", models=models, toolbox=toolbox)
    except Misconfigured as error:
        raise Misconfigured(*wrong, *error.problems) from error
    if wrong:
        raise Misconfigured(*wrong)
    return Cast(metrics=metrics, models=models, toolbox=toolbox, catalogue=catalogue)


@asynccontextmanager
async def crew(
    settings: Settings, *, providers: Makers | None = None, wrong: Sequence[str] = ()
) -> AsyncIterator[Crew]:
    """Opens what a run needs, and no more: models, tools, agents and the pool. Raises what `cast` does."""
    threads = _prepare_process(settings)
    found = cast(settings, providers=providers, wrong=wrong)
    async with AsyncExitStack() as stack:
        stack.callback(threads.shutdown, wait=False, cancel_futures=True)
        stack.push_async_callback(found.models.aclose)
        await found.toolbox.start()
        stack.push_async_callback(found.toolbox.stop)
        builder = Builder(found.catalogue, models=found.models, toolbox=found.toolbox, metrics=found.metrics)
        pool = LocalPool(
            kinds=builder.kinds(),
            size=settings.max_concurrent_agents,
            max_wait=settings.pool.max_wait,
            max_waiting=settings.pool.max_waiting,
            idle_after=settings.pool.idle_after,
            metrics=found.metrics,
        )
        await pool.open()
        stack.push_async_callback(pool.aclose)
        policy = RoleTable()
        execution = Execution(
            catalogue=found.catalogue, pool=pool, runner=Runner(), policy=policy, metrics=found.metrics
        )
        yield Crew(**_members(found), pool=pool, policy=policy, execution=execution)


def _prepare_process(settings: Settings) -> ThreadPoolExecutor:
    """What holds for the whole process: its log, its threads for tools, and its silence towards Agno's makers."""
    log.configure(
        level=settings.log_level,
        environment=settings.environment,
        version=__version__,
        json=settings.log_format == "json",
    )
    # Agno reports to its makers unless the environment says no; an argument of ours would lose against it (trap T17).
    os.environ["AGNO_TELEMETRY"] = "false"
    # Agno runs synchronous tools in the loop's default executor, which has 6 threads on two cores (trap T15).
    threads = ThreadPoolExecutor(settings.tool_threads, thread_name_prefix="tool")
    asyncio.get_running_loop().set_default_executor(threads)
    return threads


@asynccontextmanager
async def bootstrap(
    settings: Settings, *, exposed: bool = False, providers: Makers | None = None
) -> AsyncIterator[Services]:
    """Opens everything a server needs.

    Args:
        settings: What the operator set.
        exposed: The server listens on an address others can reach. It then refuses to start without a secret of the
            operator's, and without a model that was named (P19).
        providers: Models of tests, by provider.

    Raises:
        Misconfigured: Names everything that is wrong.
        DependencyDown: The database is away, or was not migrated in time.
    """
    wrong = [*_unreadable(settings), *(_open(settings) if exposed else ())]
    async with AsyncExitStack() as stack:
        works = await stack.enter_async_context(crew(settings, providers=providers, wrong=wrong))
        engine = await stack.enter_async_context(open_database(settings))
        secret = secret_of(settings)
        pepper = pepper_from(secret)
        store = SqlKeyStore(engine)
        first = None
        if not exposed:
            key = await first_key(data_folder(settings.data_dir), store=store, pepper=pepper, now=SystemClock().now())
            first = key.text
        ring = await stack.enter_async_context(
            KeyRing(store, pepper=pepper, stale_after=settings.auth.keys_stale_after)
        )
        tokens = Tokens(secret, leeway=settings.auth.jwt_leeway, max_age=settings.auth.jwt_max_age)
        dependencies = [*await _dependencies(stack, settings, engine), *_tool_servers(works.toolbox)]
        health = Health(dependencies, metrics=works.metrics)
        stack.push_async_callback(health.aclose)
        lag = LoopLag(metrics=works.metrics)
        lag.start()
        stack.callback(lag.stop)
        yield Services(**_members(works), authenticator=Authenticator(ring, tokens), health=health, first_key=first)


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """The database, with today's schema. SQLite migrates itself; a server is migrated by `bullpen migrate`."""
    engine = engine_of(settings)
    try:
        if engine.dialect.name == "sqlite":
            await upgrade(engine)
        else:
            await wait_until_current(engine, longest=settings.database_migration_wait)
        yield engine
    finally:
        await engine.dispose()


def known_roles() -> Collection[str]:
    """The roles a key may have."""
    return ROLES


@asynccontextmanager
async def key_store(settings: Settings) -> AsyncIterator[tuple[SqlKeyStore, bytes]]:
    """The store of API keys, and the pepper their digests are keyed with."""
    async with open_database(settings) as engine:
        yield SqlKeyStore(engine), pepper_from(secret_of(settings))


def engine_of(settings: Settings) -> AsyncEngine:
    """The database's engine, whatever its schema is."""
    url = settings.database_url or f"sqlite:///{data_folder(settings.data_dir) / 'bullpen.db'}"
    return open_engine(url, password=_plain(settings.database_password))


def secret_of(settings: Settings) -> str:
    """The operator's secret, or the one this machine made for itself."""
    return _plain(settings.api_secret_key) or server_secret(data_folder(settings.data_dir))


def _models(settings: Settings, metrics: Metrics, providers: Makers) -> Models:
    known: set[ModelName] = set()
    prices = PriceList(
        metrics=metrics,
        known=known,
        overrides=settings.prices_file,
        free_providers={"offline", *settings.endpoints, *providers},
    )
    keys = {"openai": settings.openai_api_key, "anthropic": settings.anthropic_api_key}
    addresses = {"openai": settings.openai_base_url, "anthropic": settings.anthropic_base_url}
    return Models(
        default=settings.model_name,
        aliases=settings.models,
        keys={name: key.get_secret_value() for name, key in keys.items() if key},
        base_urls={name: _address(url) for name, url in addresses.items() if url},
        endpoints={
            name: Endpoint(base_url=_address(each.base_url), api_key=_plain(each.api_key))
            for name, each in settings.endpoints.items()
        },
        prices=prices,
        usage=MeteredUsage(metrics=metrics, known=known),
        budget=AllowAll(),
        providers=providers,
        known=known,
    )


def _unreadable(settings: Settings) -> Iterator[str]:
    """Addresses of stores that can be seen to be wrong before anything is opened."""
    for variable, url, opener in (
        ("DATABASE_URL", settings.database_url, open_engine),
        ("REDIS_URL", settings.redis_url, open_redis),
    ):
        try:
            if url:
                opener(url)
        except Misconfigured as error:
            yield from (f"{variable}: {problem}" for problem in error.problems)


def _open(settings: Settings) -> Iterator[str]:
    """What an address others can reach asks for."""
    if settings.api_secret_key is None:
        yield (
            "API_SECRET_KEY: needed on an address others can reach. Make one with `openssl rand -hex 32`, "
            "or listen on 127.0.0.1."
        )
    if not (settings.model_name or settings.models or settings.openai_api_key or settings.anthropic_api_key):
        yield (
            "MODEL_NAME: no model is set, and on an address others can reach none is assumed. Set a provider's key, "
            "or MODEL_NAME=offline to serve the offline model."
        )


async def _dependencies(stack: AsyncExitStack, settings: Settings, engine: AsyncEngine) -> list[Dependency]:
    found = [Dependency(name="database", check=partial(sql_store.ping, engine))]
    if settings.redis_url:
        client = open_redis(settings.redis_url, password=_plain(settings.redis_password))
        stack.push_async_callback(client.aclose)
        # Nothing is kept in Redis yet, so its absence must not take a replica out.
        found.append(Dependency(name="redis", check=partial(redis_store.ping, client), required=False))
    return found


def _tool_servers(toolbox: Toolbox) -> list[Dependency]:
    """Without one its tools fail, and everything else goes on."""
    return [Dependency(name=f"mcp:{name}", check=check, required=False) for name, check in toolbox.servers.items()]


def _members(opened: Cast) -> dict[str, Any]:
    return {each.name: getattr(opened, each.name) for each in fields(opened)}


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _address(url: AnyHttpUrl) -> str:
    return str(url).rstrip("/")
