"""What is on record survives: the process, and as far as its mode promises the folder and the database."""

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import rmtree
from typing import Any

import httpx
import pytest

from tests.stubs.cable import Cable
from tests.stubs.postgres import fresh_database
from tests.stubs.rush import STATUSES, Rush, logged, unlimited
from tests.stubs.serving import Server, bullpen
from tests.stubs.tokens import SECRET

CHAINS = ("default", "-")
REQUESTS = 1000


def keys_of(server: Server) -> dict[str, str]:
    made = server.bullpen("keys", "create", "kiosk", "--role", "user")
    return {"admin": server.api_key, "user": made.stdout.split()[-1]}


def intact(client: httpx.Client) -> bool:
    """Whether both chains are whole."""
    found = [client.get("/audit/verify", params={"tenant": tenant}).json() for tenant in CHAINS]
    assert [each["fault"] for each in found] == [None, None]
    return all(each["intact"] for each in found)


@pytest.mark.parametrize("mode", ["process", "disk"])
def test_every_answer_of_a_killed_server_is_in_the_log(tmp_path: Path, mode: str) -> None:
    """`kill -9` in the middle of 1,000 requests of every kind: after a restart each one that was answered is there."""
    with Server(tmp_path, settings={**unlimited(tmp_path), "AUDIT__DURABILITY": mode}) as server:
        rush = Rush(server, keys=keys_of(server))
        rush.run(most=REQUESTS, after=REQUESTS // 2, then=lambda: server.stop(signal.SIGKILL))
        assert REQUESTS // 2 <= len(rush.answered) < REQUESTS
        assert set(rush.answered.values()) == STATUSES
        server.start()
        with server.client() as client:
            assert rush.answered.keys() <= logged(client, *CHAINS)
            assert intact(client)


def test_two_processes_may_share_a_data_folder(tmp_path: Path) -> None:
    """And its SQLite database: the one that goes on delivers what the killed one has left, and the chains are whole."""
    (tmp_path / "two").mkdir()
    shared = {**unlimited(tmp_path), "DATA_DIR": str(tmp_path / ".bullpen")}
    with Server(tmp_path, settings=shared) as one, Server(tmp_path / "two", settings=shared) as two:
        keys = keys_of(one)
        rushes = [Rush(server, keys=keys, at_once=8) for server in (one, two)]
        with ThreadPoolExecutor(2) as threads:
            killed = threads.submit(rushes[0].run, most=200, after=100, then=lambda: one.stop(signal.SIGKILL))
            alive = threads.submit(rushes[1].run, most=200)
            killed.result()
            alive.result()
        answered = set().union(*(rush.answered for rush in rushes))
        assert 300 <= len(answered) < 400
        with two.client(key=keys["admin"]) as client:
            assert eventually(lambda: answered <= logged(client, *CHAINS))
            assert intact(client)


@pytest.fixture
def database(postgres_url: str, tmp_path: Path) -> Iterator[str]:
    """A migrated database, through whose cable servers reach it."""
    with fresh_database(postgres_url) as url:
        done = bullpen("migrate", folder=tmp_path, settings={"DATABASE_URL": url})
        assert done.returncode == 0, done.stdout
        yield url


def replica(folder: Path, database: str, **more: str) -> Server:
    """A server of the cluster, with a data folder of its own and the cluster's secret."""
    folder.mkdir()
    settings = {**unlimited(folder), "DATABASE_URL": database, "API_SECRET_KEY": SECRET, "AUDIT__PATIENCE": "2"}
    return Server(folder, settings=settings | more)


def test_every_answer_of_a_lost_pod_is_in_the_log(tmp_path: Path, database: str) -> None:
    """In mode `shared` the same holds when the killed server's folder is gone, and another one is asked."""
    with replica(tmp_path / "one", database) as one:
        keys = keys_of(one)
        rush = Rush(one, keys=keys)
        rush.run(most=REQUESTS, after=REQUESTS // 2, then=lambda: one.stop(signal.SIGKILL))
    assert REQUESTS // 2 <= len(rush.answered) < REQUESTS
    rmtree(tmp_path / "one")
    with replica(tmp_path / "two", database) as two, two.client(key=keys["admin"]) as client:
        assert rush.answered.keys() <= logged(client, *CHAINS)
        assert intact(client)


@pytest.fixture
def cable(database: str) -> Iterator[Cable]:
    with Cable(database) as cable:
        yield cable


def degraded(client: httpx.Client) -> bool:
    """Whether the trail is, by `/security/status` and by the metric."""
    told = bool(client.get("/security/status").json()["controls"]["audit"]["degraded"])
    assert f"bullpen_audit_degraded {told:d}.0" in client.get("/metrics").text
    return told


def strict_actions(client: httpx.Client, key_id: str, grant: dict[str, Any]) -> list[httpx.Response]:
    return [
        client.post("/security/keys", json={"name": "sneaked"}),
        client.post(f"/security/keys/{key_id}/rotate", json={}),
        client.delete(f"/security/keys/{key_id}"),
        client.post("/auth/revoke", json={"token": grant["access_token"]}),
    ]


def execute(client: httpx.Client) -> httpx.Response:
    return client.post("/agent/execute", json={"agent_type": "general", "task": "What is 17 * 23?"})


def test_without_the_database_only_strict_actions_wait(tmp_path: Path, database: str, cable: Cable) -> None:
    """They are refused with 503, and not done; all else goes on, survives `kill -9`, and is in the log afterwards."""
    with replica(tmp_path / "one", cable.url) as one, one.client() as client:
        key_id = client.post("/security/keys", json={"name": "kiosk"}).json()["id"]
        grant = client.post("/auth/token").json()
        assert not degraded(client)
        cable.unplug()
        before = execute(client)
        refused = strict_actions(client, key_id, grant)
        assert [each.status_code for each in refused] == [503] * 4
        assert all(int(each.headers["Retry-After"]) > 0 for each in refused)
        after = execute(client)
        assert [before.status_code, after.status_code] == [200, 200]
        assert degraded(client)
        one.stop(signal.SIGKILL)
        cable.plug()
        one.start()
        gone_on = {each.headers["X-Request-ID"] for each in (before, after)}
        assert gone_on <= logged(client, *CHAINS)
        assert intact(client)
        assert not degraded(client)
        keys = client.get("/security/keys").json()["keys"]
        assert [each["revoked_at"] for each in keys if each["id"] == key_id] == [None]
        assert "sneaked" not in {each["name"] for each in keys}


def test_a_pod_that_stops_says_what_it_could_not_bring_back(tmp_path: Path, cable: Cable) -> None:
    """SIGTERM while degraded: the log counts what stays, and the next process brings it back in order."""
    with replica(tmp_path / "one", cable.url) as one, one.client() as client:
        cable.unplug()
        asked = [execute(client).headers["X-Request-ID"] for _ in range(5)]
        assert one.stop() == 0
        assert "outbox_left_behind" in one.output()
        cable.plug()
        one.start()
        rows = client.get("/audit/log", params={"event_type": "agent_execution"}).json()["audit_log"]
    assert [row["request_id"] for row in reversed(rows)] == asked


def test_a_lost_folder_takes_only_what_was_not_in_the_database(tmp_path: Path, database: str, cable: Cable) -> None:
    """What was answered while degraded is lost with the folder, as the documents say; nothing else is."""
    with replica(tmp_path / "one", cable.url) as one, one.client() as client:
        key = one.api_key
        kept = execute(client).headers["X-Request-ID"]
        cable.unplug()
        lost = execute(client).headers["X-Request-ID"]
        one.stop(signal.SIGKILL)
    rmtree(tmp_path / "one")
    with replica(tmp_path / "two", database) as two, two.client(key=key) as client:
        assert {kept, lost} & logged(client, "default") == {kept}
        assert intact(client)


def test_the_degraded_mode_ends_by_itself(tmp_path: Path, cable: Cable) -> None:
    """Once the database is back the folder is brought back, strict actions are done, and the log is whole."""
    with replica(tmp_path / "one", cable.url) as one, one.client() as client:
        cable.unplug()
        asked = [execute(client).headers["X-Request-ID"] for _ in range(5)]
        assert degraded(client)
        cable.plug()
        assert eventually(lambda: not degraded(client))
        assert client.post("/security/keys", json={"name": "kiosk"}).status_code == 201
        assert set(asked) <= logged(client, "default")
        assert intact(client)


def eventually(holds: Callable[[], bool], *, within: float = 30.0) -> bool:
    end = time.monotonic() + within
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.1)
    return False
