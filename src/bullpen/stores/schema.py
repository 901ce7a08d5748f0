"""The database's schema: which revision it has, and how it gets today's.

The scripts are in `db/migrations` of a checkout and in `bullpen/stores/migrations` of an installed package.
"""

import asyncio
from pathlib import Path
from typing import Final

import structlog
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, column, inspect, select, table, text
from sqlalchemy.ext.asyncio import AsyncEngine

from bullpen.errors import DependencyDown, Misconfigured
from bullpen.stores.sql import IMMEDIATE, sql_errors

__all__ = ["VERSION_TABLE", "current", "newest", "upgrade", "wait_until_current"]

_log = structlog.get_logger("bullpen.stores")

VERSION_TABLE: Final = "bullpen_version"
"""Not alembic's default name: another application may keep its own revision in the same database."""

_LOCK: Final = 0x62756C6C70656E  # "bullpen": the advisory lock of Postgres that a migration holds
_POLL: Final = 0.25
_HERE: Final = Path(__file__).resolve()


async def upgrade(engine: AsyncEngine, *, longest: float = 300.0) -> str:
    """Brings the schema to the newest revision, in one transaction, and returns that revision.

    Any number of processes may call this at once: one migrates, the others wait and find nothing to do. The lock is
    an advisory one on Postgres and the write lock of the file on SQLite, and ends with the transaction.

    Raises:
        DependencyDown: The database failed, or was not done in `longest` seconds; nothing was changed.
        Misconfigured: The schema was made by a newer Bullpen.
    """
    with sql_errors():
        async with asyncio.timeout(longest), engine.execution_options(**IMMEDIATE).begin() as connection:
            if connection.dialect.name == "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            await connection.run_sync(_upgrade)
    return newest()


async def current(engine: AsyncEngine) -> str | None:
    """The revision the schema has; None when it was never migrated.

    Raises:
        DependencyDown: The database failed.
    """
    with sql_errors():
        async with engine.connect() as connection:
            return await connection.run_sync(_revision)


async def wait_until_current(engine: AsyncEngine, *, longest: float) -> None:
    """Returns as soon as somebody has migrated the database, and bears with one that is away meanwhile.

    What it waits for is logged when it begins to wait, and again when that changes.

    Raises:
        DependencyDown: It was not migrated within `longest` seconds; says what was last in the way.
    """
    lacking, told = "The database did not answer.", ""
    try:
        async with asyncio.timeout(longest):
            while lacking := await _lacking(engine):
                if lacking != told:
                    _log.warning("database_awaited", longest=longest, lacking=lacking)
                told = lacking
                await asyncio.sleep(_POLL)
    except TimeoutError:
        raise DependencyDown(lacking) from None


def newest() -> str:
    """The revision this version needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise Misconfigured(f"There are no migrations in {_scripts()}. Install Bullpen again.")
    return head


async def _lacking(engine: AsyncEngine) -> str:
    """What keeps this version from using the database; empty when nothing does."""
    try:
        found, needed = await current(engine), newest()
    except DependencyDown as error:
        return error.detail
    if found == needed:
        return ""
    return f"The database has revision {found or 'none'}; this version needs {needed}. Run `bullpen migrate`."


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise Misconfigured(f"The database cannot be migrated with the scripts in {_scripts()}: {error}.") from error


def _revision(connection: Connection) -> str | None:
    # Not by alembic, which would log two lines at every look of a start that waits.
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found: str | None = connection.scalar(select(column("version_num")).select_from(table(VERSION_TABLE)))
    return found


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _scripts() -> Path:
    installed = _HERE.parent / "migrations"
    return installed if installed.is_dir() else _HERE.parents[3] / "db" / "migrations"
