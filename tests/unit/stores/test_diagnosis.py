"""Why a database fails, without its words."""

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from bullpen.errors import DependencyDown
from bullpen.stores.diagnosis import diagnosis
from bullpen.stores.sql import open_engine, ping, sql_errors


async def test_a_damaged_file_is_called_damaged(tmp_path: Path) -> None:
    """The operator is told what to do with it."""
    (tmp_path / "a.db").write_bytes(b"not a database" * 100)
    engine = open_engine(f"sqlite:///{tmp_path}/a.db")
    with pytest.raises(DependencyDown, match="file is damaged"):
        await ping(engine)
    await engine.dispose()


async def test_a_missing_table_is_no_missing_database(tmp_path: Path) -> None:
    """What has no sign of its own is answered in general terms."""
    engine = open_engine(f"sqlite:///{tmp_path}/a.db")
    with pytest.raises(DependencyDown, match=r"Try again in a moment\.$"), sql_errors():
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1 FROM nowhere"))
    await engine.dispose()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ('FATAL:  password authentication failed for user "u"', "refused the user or the password"),
        ('FATAL:  database "d" does not exist', "no such user, or no such database"),
        ('FATAL:  role "u" does not exist', "no such user, or no such database"),
        ("connection to server failed: fe_sendauth: no password supplied", "wants a password"),
        ("FATAL:  sorry, too many clients already", "no connection left"),
        ("unable to open database file", "cannot be opened"),
        ("attempt to write a readonly database", "cannot be written"),
        ("VERBINDUNG VERWEIGERT", "Try again in a moment"),
    ],
)
def test_signs_in_a_drivers_words(words: str, said: str) -> None:
    """Connections that fail have no code, so the words are all there is; none of them is repeated."""

    class Psycopg(Exception):
        __module__ = "psycopg"

    Psycopg.__name__ = "OperationalError"
    assert said in diagnosis(OperationalError("", None, Psycopg(words)))


def test_silence_is_told_as_such() -> None:
    """A wait that ended is not a failure of another kind."""
    assert diagnosis(TimeoutError()) == "It did not answer in time."
