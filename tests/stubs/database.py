"""One empty database of every kind we keep things in, by URL."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stubs.postgres import fresh_database

__all__ = ["KINDS", "empty_database"]

KINDS = ("sqlite", "postgres")


@contextmanager
def empty_database(kind: str, *, folder: Path, postgres_url: str) -> Iterator[str]:
    """The URL of an empty database: a file in `folder`, or one on the server of `postgres_url`."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'bullpen.db'}"
        return
    with fresh_database(postgres_url) as url:
        yield url
