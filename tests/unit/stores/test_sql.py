"""Opening SQLite and Postgres."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from stat import S_IMODE
from typing import Any

import pytest
from sqlalchemy import event, text

from bullpen.errors import DependencyDown, Misconfigured
from bullpen.stores.sql import IMMEDIATE, open_engine, ping, sql_errors

URLS = [
    ("sqlite:///a.db", "sqlite+aiosqlite:///a.db"),
    ("sqlite+aiosqlite:///a.db", "sqlite+aiosqlite:///a.db"),
    ("postgres://h/d", "postgresql+psycopg://h/d"),
    ("postgresql://u@h:5/d", "postgresql+psycopg://u:given@h:5/d"),
    ("postgresql+psycopg://u:own@h/d", "postgresql+psycopg://u:own@h/d"),
]


@pytest.mark.parametrize(("given", "opened"), URLS[:3])
def test_plain_urls_get_the_asynchronous_driver(given: str, opened: str) -> None:
    """People write URLs as they know them."""
    assert open_engine(given).url.render_as_string(hide_password=False) == opened


@pytest.mark.parametrize(("given", "opened"), URLS[3:])
def test_a_url_without_a_password_takes_the_one_given(given: str, opened: str) -> None:
    """A password in the URL wins over the argument; SQLite has none."""
    assert open_engine(given, password="given").url.render_as_string(hide_password=False) == opened
    assert open_engine("sqlite:///a.db", password="given").url.password is None


async def test_each_connection_asks_for_the_password_of_the_moment() -> None:
    """A password that came as a file may change while the pool lives; one in the URL wins all the same."""
    passwords, shown = ["first"], []

    def connecting(_dialect: object, _record: object, _arguments: object, options: dict[str, Any]) -> None:
        shown.append(options.get("password"))
        raise ConnectionRefusedError

    for url in ("postgresql://u@127.0.0.1:1/d", "postgresql://u:own@127.0.0.1:1/d"):
        engine = open_engine(url, password=lambda: passwords[-1])
        event.listen(engine.sync_engine, "do_connect", connecting)
        for password in ("second", "third"):
            passwords.append(password)
            with pytest.raises(DependencyDown):
                await ping(engine)
        await engine.dispose()
    assert shown == ["second", "third", "own", "own"]


UNREADABLE = [
    "mysql://u:hunter2@h/d",
    "postgresql+asyncpg://u:hunter2@h/d",
    "u:hunter2@h",
    "",
    "sqlite://hunter2.db",
    "sqlite:///a.db?hunter2=1",
]


@pytest.mark.parametrize("url", UNREADABLE)
def test_another_url_is_refused_without_repeating_it(url: str) -> None:
    """The operator is told what is supported, and no password reaches the log."""
    with pytest.raises(Misconfigured) as caught:
        open_engine(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def modes(folder: Path, name: str) -> dict[str, int]:
    return {path.name: S_IMODE(path.stat().st_mode) for path in folder.glob(f"{name}*")}


async def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """The file and those SQLite keeps beside it have mode 0600; the mode of one that was there stays."""
    (tmp_path / "old.db").touch(mode=0o640)
    for name in ("new.db", "old.db"):
        engine = open_engine(f"sqlite:///{tmp_path}/{name}")
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE t (n INTEGER)"))
        found = modes(tmp_path, name)
        await engine.dispose()
        assert set(found.values()) == {0o600 if name == "new.db" else 0o640}
        assert f"{name}-wal" in found


async def test_sqlite_files_are_opened_for_many_readers_and_with_foreign_keys(tmp_path: Path) -> None:
    """Write-ahead logging, foreign keys enforced, and a wait for other writers."""
    engine = open_engine(f"sqlite:///{tmp_path}/a.db", lock_wait=3)
    async with engine.connect() as connection:
        found = [
            (await connection.execute(text(f"PRAGMA {name}"))).scalar()
            for name in ("journal_mode", "foreign_keys", "busy_timeout")
        ]
    assert found == ["wal", 1, 3000]
    await engine.dispose()


async def test_opening_does_not_fail_while_another_process_writes(tmp_path: Path) -> None:
    """Switching the journal mode needs the file to itself; whoever comes second does without."""
    engine = open_engine(f"sqlite:///{tmp_path}/a.db", lock_wait=0.1)
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("CREATE TABLE t (n INTEGER)")
        await ping(engine)
    await engine.dispose()


async def test_a_failed_transaction_leaves_no_table_behind(tmp_path: Path) -> None:
    """Creating a table belongs to the transaction, as it does on Postgres."""
    engine = open_engine(f"sqlite:///{tmp_path}/a.db")
    with pytest.raises(RuntimeError):  # noqa: PT012 -- the block is the transaction
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE t (n INTEGER)"))
            raise RuntimeError
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM sqlite_master"))).scalar() == 0
    await engine.dispose()


async def test_read_then_write_loses_no_update(tmp_path: Path) -> None:
    """Immediate transactions wait for one another instead of failing half way."""
    engine = open_engine(f"sqlite:///{tmp_path}/a.db")
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE t (n INTEGER)"))
        await connection.execute(text("INSERT INTO t VALUES (0)"))

    async def count() -> None:
        async with engine.execution_options(**IMMEDIATE).begin() as connection:
            seen = (await connection.execute(text("SELECT n FROM t"))).scalar_one()
            await connection.execute(text("UPDATE t SET n = :n"), {"n": seen + 1})

    await asyncio.gather(*(count() for _ in range(8)))
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT n FROM t"))).scalar() == 8
    await engine.dispose()


async def test_a_database_in_memory_opens() -> None:
    """For a quick try no file is needed."""
    engine = open_engine("sqlite://")
    await ping(engine)
    await engine.dispose()


def test_a_missing_folder_is_named_before_anything_is_tried(tmp_path: Path) -> None:
    """SQLite would only say that it cannot open the file."""
    with pytest.raises(Misconfigured, match="none"):
        open_engine(f"sqlite:///{tmp_path}/none/a.db")


async def test_a_file_that_is_no_database_is_down(tmp_path: Path) -> None:
    """A broken file is the same to a caller as a server that is away, and leaves no connection behind."""
    (tmp_path / "a.db").write_bytes(b"not a database" * 100)
    engine = open_engine(f"sqlite:///{tmp_path}/a.db")
    with pytest.raises(DependencyDown):
        await ping(engine)
    await engine.dispose()


async def test_errors_do_not_quote_the_values_of_a_statement(tmp_path: Path) -> None:
    """The cause is kept for the log, without the parameters."""
    engine = open_engine(f"sqlite:///{tmp_path}/a.db")
    with pytest.raises(DependencyDown) as caught, sql_errors():
        async with engine.connect() as connection:
            await connection.execute(text("SELECT :v FROM nowhere"), {"v": "hunter2"})
    assert "nowhere" in str(caught.value.__cause__)
    assert "hunter2" not in str(caught.value.__cause__)
    await engine.dispose()


def test_our_own_errors_pass_through_unchanged() -> None:
    """Only the database's own errors are translated."""
    with pytest.raises(ValueError, match="ours"), sql_errors():
        raise ValueError("ours")
