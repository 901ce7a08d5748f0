"""A server on real PostgreSQL and Valkey."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stubs.ports import free_port
from tests.stubs.postgres import fresh_database
from tests.stubs.serving import Server, bullpen


@pytest.fixture
def database(postgres_url: str) -> Iterator[str]:
    """A database that no migration has touched."""
    with fresh_database(postgres_url) as url:
        yield url


def test_a_server_waits_for_the_migration(tmp_path: Path, database: str) -> None:
    """On a database that was never migrated a server gives up after a while and says what to do."""
    settings = {"DATABASE_URL": database, "DATABASE_MIGRATION_WAIT": "0.2"}
    done = bullpen("serve", "--port", "0", folder=tmp_path, settings=settings)
    assert done.returncode != 0
    assert "bullpen migrate" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_migrated_server_works(tmp_path: Path, database: str, valkey_url: str) -> None:
    """After `bullpen migrate`, which may be run twice, the server keeps its keys there and finds both services up."""
    settings = {"DATABASE_URL": database, "REDIS_URL": valkey_url}
    for _ in range(2):
        done = bullpen("migrate", folder=tmp_path, settings=settings)
        assert done.returncode == 0, done.stdout
    with Server(tmp_path, settings=settings) as server, server.client() as client:
        ready = client.get("/ready").json()
        assert ready["status"] == "ok"
        assert {name: found["status"] for name, found in ready["dependencies"].items()} == {
            "database": "up",
            "redis": "up",
        }
        answer = client.post("/agent/execute", json={"agent_type": "general", "task": "What is 17 * 23?"})
        assert "391" in answer.json()["result"]
        assert not list(tmp_path.rglob("*.db"))


def test_an_optional_service_that_is_away_only_degrades(tmp_path: Path) -> None:
    """Without the Redis it was promised a server stays ready, and says that it is degraded."""
    settings = {"REDIS_URL": f"redis://127.0.0.1:{free_port()}"}
    with Server(tmp_path, settings=settings) as server, server.client() as client:
        response = client.get("/ready")
        assert response.status_code == 200
        assert response.json()["status"] == "degraded"
        assert response.json()["dependencies"]["redis"]["status"] == "down"
        assert client.get("/agents").status_code == 200
