"""A server whose database is at the end of a cable."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.stubs.cable import Cable
from tests.stubs.catalogue import write_catalogue
from tests.stubs.postgres import fresh_database
from tests.stubs.serving import Server, bullpen

__all__ = ["cabled_server"]


@contextmanager
def cabled_server(
    folder: Path, *, postgres_url: str, settings: Mapping[str, str] | None = None
) -> Iterator[tuple[Server, Cable]]:
    """A running server on a migrated database, and the cable to pull."""
    with fresh_database(postgres_url) as database, Cable(database) as cable:
        catalogue = write_catalogue(folder, agents=[{"type": "general", "model": "offline"}], tools={})
        given = {"CONFIG_DIR": str(catalogue), **(settings or {}), "DATABASE_URL": cable.url}
        done = bullpen("migrate", folder=folder, settings=given)
        assert done.returncode == 0, done.stdout
        with Server(folder, settings=given) as server:
            yield server, cable
