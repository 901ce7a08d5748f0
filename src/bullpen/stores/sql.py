"""SQLite and Postgres through SQLAlchemy, asynchronously."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from warnings import catch_warnings, simplefilter

from sqlalchemy import Connection, MetaData, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SAWarning, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bullpen.errors import DependencyDown, Misconfigured
from bullpen.stores.diagnosis import diagnosis
from bullpen.stores.patience import leavable
from bullpen.stores.secrets import Password

__all__ = ["IMMEDIATE", "metadata", "open_engine", "ping", "sql_errors"]

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Every table of the house; each is declared by the room that owns it. The migrations in `db/migrations` must agree."""

IMMEDIATE: Final = {"sqlite_begin": "IMMEDIATE"}
"""Execution options for a transaction that reads before it writes: SQLite then takes its write lock at the start and
waits for it, instead of failing half way. Postgres does not mind."""

_HIDDEN: Final = True  # the values of a statement stay out of error texts: they are digests and personal data
_UNREADABLE: Final = "The database URL cannot be read. Write it like sqlite:///path/to/file.db."
_DRIVERS: Final = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}


def open_engine(
    url: str,
    *,
    password: Password = None,
    pool_size: int = 5,
    pool_wait: float = 5.0,
    connect_timeout: int = 5,
    lock_wait: float = 10.0,
) -> AsyncEngine:
    """Prepares an engine; connects only when it is first used. The caller disposes of it.

    Args:
        url: `sqlite:///path`, `postgresql://…` or `postgres://…`; the driver is filled in.
        password: Completes a Postgres URL without one. Where it can change, give what tells it: each new connection
            asks, and those that are open stay.
        pool_size: Connections kept open; as many again may be open for a moment.
        pool_wait: Longest wait for a connection of the pool, seconds.
        connect_timeout: Longest wait for Postgres to accept a connection, seconds.
        lock_wait: Longest wait for another writer of a SQLite file, seconds.

    Raises:
        Misconfigured: The URL cannot be read, names another database, or a file in a folder that does not exist.
    """
    target = _completed(url, None if callable(password) else password)
    if target.get_backend_name() == "sqlite":
        return _open_sqlite(target, pool={"pool_size": pool_size, "pool_timeout": pool_wait}, lock_wait=lock_wait)
    engine = create_async_engine(
        target,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=pool_wait,
        pool_pre_ping=True,
        hide_parameters=_HIDDEN,
        connect_args={"connect_timeout": connect_timeout},
    )
    if callable(password) and not target.password:
        event.listen(engine.sync_engine, "do_connect", _asking(password))
    return engine


def _asking(password: Callable[[], str | None]) -> Callable[..., None]:
    def complete(_dialect: object, _record: object, _arguments: object, options: dict[str, Any]) -> None:
        options["password"] = password()

    return complete


def _open_sqlite(target: URL, *, pool: dict[str, Any], lock_wait: float) -> AsyncEngine:
    in_memory = target.database in {None, "", ":memory:"}
    folder = Path(target.database or "").parent
    if not in_memory and not folder.is_dir():
        raise Misconfigured(f"The folder {folder} of the database does not exist. Make it, or name another file.")
    with _refused_options():
        engine = create_async_engine(
            target,
            hide_parameters=_HIDDEN,
            # The driver's own BEGIN comes late and skips DDL, so it is switched off and `_begin` sends ours.
            connect_args={"timeout": lock_wait, "isolation_level": None},
            **({} if in_memory else pool),  # in memory there is one connection, or there would be many databases
        )
    event.listen(engine.sync_engine, "do_connect", _make_private)
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


async def ping(engine: AsyncEngine) -> None:
    """Asks the database for an answer. Whoever stops waiting for it is let go at once, even by a silent server.

    Raises:
        DependencyDown: The database failed.
    """
    with sql_errors():
        await leavable(_select(engine))


async def _select(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))


@contextmanager
def sql_errors() -> Iterator[None]:
    """Turns whatever a database does wrong inside the block into `DependencyDown`."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:  # a TimeoutError is an OSError
        raise DependencyDown(f"The database did not do what it was asked. {diagnosis(error)}") from error


def _completed(url: str, password: str | None) -> URL:
    try:
        target = make_url(url)
    except (ArgumentError, ValueError):
        # The cause is left out: it may quote the URL, and with it the password.
        raise Misconfigured(_UNREADABLE) from None
    driver = _DRIVERS.get(target.drivername)
    if driver is None:
        raise Misconfigured(
            f"A database URL that begins with {target.drivername}:// is not supported. Use sqlite or postgresql."
        )
    target = target.set(drivername=driver)
    if password and not target.password and target.get_backend_name() == "postgresql":
        return target.set(password=password)
    return target


@contextmanager
def _refused_options() -> Iterator[None]:
    with catch_warnings():
        simplefilter("error", SAWarning)  # SQLAlchemy would only warn of an option that SQLite does not have
        try:
            yield
        except (ArgumentError, SAWarning):
            raise Misconfigured(_UNREADABLE) from None


def _make_private(_dialect: object, _record: object, arguments: Any, _options: object) -> None:
    """A new file is for its owner alone. SQLite gives the files it keeps beside it the same mode."""
    path = str(arguments[0])
    if path in {"", ":memory:"} or path.startswith("file:"):
        return
    # A file that is there, or that cannot be made, is SQLite's to judge.
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))


def _prepare(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys=ON")
    # The mode is a lasting property of the file. When another process is just switching it, SQLite fails at once
    # instead of waiting; that process' success is as good as ours.
    with suppress(sqlite3.OperationalError):
        cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('sqlite_begin', 'DEFERRED')}")
