"""Migrations: they add up to the tables the code declares, on every database, whoever runs them at once."""

import asyncio
import pkgutil
from collections.abc import AsyncIterator
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

import bullpen
from bullpen.errors import DependencyDown, Misconfigured
from bullpen.stores import metadata, open_engine
from bullpen.stores.schema import VERSION_TABLE, current, newest, upgrade, wait_until_current
from tests.stubs.database import KINDS, empty_database


@pytest.fixture(params=KINDS)
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    postgres_url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    with empty_database(request.param, folder=tmp_path, postgres_url=postgres_url) as url:
        yield url


@pytest.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(url)
    yield engine
    await engine.dispose()


def declare_every_table() -> None:
    """Imports every module that owns tables, so that a new one cannot be forgotten here."""
    for module in pkgutil.walk_packages(bullpen.__path__, "bullpen."):
        if module.name.endswith(".sql"):
            import_module(module.name)


def differences(connection: Connection) -> object:
    context = MigrationContext.configure(
        connection, opts={"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
    )
    return compare_metadata(context, metadata)


async def test_the_tables_declared_are_the_sum_of_the_migrations(engine: AsyncEngine) -> None:
    """Alembic finds nothing to change between the code's tables and a migrated database."""
    declare_every_table()
    await upgrade(engine)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_missing_migration_would_be_seen(engine: AsyncEngine) -> None:
    """The comparison is not blind: against a database that lacks a column it finds something."""
    declare_every_table()
    await upgrade(engine)
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE api_keys DROP COLUMN revoked_at"))
        assert await connection.run_sync(differences) != []


async def test_a_database_is_current_once_it_is_migrated(engine: AsyncEngine) -> None:
    """Before it has no revision; afterwards the newest, and migrating again changes nothing."""
    assert await current(engine) is None
    assert await upgrade(engine) == newest()
    assert await upgrade(engine) == newest()
    assert await current(engine) == newest()


def migrate_in_a_process(url: str) -> str:
    async def migrate() -> str:
        engine = open_engine(url)
        try:
            return await upgrade(engine)
        finally:
            await engine.dispose()

    return asyncio.run(migrate())


async def test_four_processes_may_migrate_at_once(url: str, engine: AsyncEngine) -> None:
    """Each of them finds the schema current afterwards, and none fails."""
    with get_context("spawn").Pool(4) as processes:
        found = await asyncio.to_thread(processes.map, migrate_in_a_process, [url] * 4)
    assert found == [newest()] * 4
    assert await current(engine) == newest()


async def test_many_may_migrate_in_one_process(engine: AsyncEngine) -> None:
    """The lock is held by the connection, so tasks of one loop exclude one another too."""
    assert await asyncio.gather(*(upgrade(engine) for _ in range(4))) == [newest()] * 4


async def test_waiting_ends_when_somebody_has_migrated(engine: AsyncEngine) -> None:
    """A server that starts first waits for the migration."""
    waiting = asyncio.create_task(wait_until_current(engine, longest=30))
    await asyncio.sleep(0)
    assert not waiting.done()
    await upgrade(engine)
    await waiting


async def test_waiting_has_an_end(engine: AsyncEngine) -> None:
    """Without a migration it raises, and says what was found and what is needed."""
    with pytest.raises(DependencyDown, match=f"revision none; this version needs {newest()}"):
        await wait_until_current(engine, longest=0.1)


async def test_waiting_says_what_for(engine: AsyncEngine) -> None:
    """An operator who looks at the log of a start that hangs sees why, once."""
    with capture_logs() as logged, pytest.raises(DependencyDown):
        await wait_until_current(engine, longest=1)
    lacking = f"The database has revision none; this version needs {newest()}. Run `bullpen migrate`."
    assert logged == [{"log_level": "warning", "event": "database_awaited", "longest": 1, "lacking": lacking}]


async def test_a_schema_of_a_newer_version_is_left_alone(engine: AsyncEngine) -> None:
    """A revision this version does not know is not today's, and migrating refuses."""
    await upgrade(engine)
    async with engine.begin() as connection:
        await connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = 'ffff'"))
    with pytest.raises(DependencyDown, match="revision ffff"):
        await wait_until_current(engine, longest=0.5)
    with pytest.raises(Misconfigured, match="ffff"):
        await upgrade(engine)
