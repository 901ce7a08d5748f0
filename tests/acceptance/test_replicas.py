"""Two servers on one database: what one is told, the other knows. With Redis between them, and without."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.stubs.ports import free_port
from tests.stubs.postgres import fresh_database
from tests.stubs.rush import Rush, logged, unlimited
from tests.stubs.serving import Server, bullpen
from tests.stubs.tokens import SECRET

Pair = tuple[Server, Server]


@pytest.fixture(scope="module", params=["redis", "redis away"])
def pair(request: pytest.FixtureRequest, postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two replicas, each with a data folder of its own."""
    folders = [tmp_path_factory.mktemp("replica") for _ in range(2)]
    there = request.param == "redis"
    redis = request.getfixturevalue("valkey_url") if there else f"redis://127.0.0.1:{free_port()}"
    with fresh_database(postgres_url) as database:
        settings = {"DATABASE_URL": database, "REDIS_URL": redis, "API_SECRET_KEY": SECRET}
        assert bullpen("migrate", folder=folders[0], settings=settings).returncode == 0
        one, two = (Server(folder, settings={**settings, **unlimited(folder)}) for folder in folders)
        with one, two:
            yield one, two


def made(server: Server, *options: str) -> str:
    """A key made by the command line of this server's machine."""
    done = server.bullpen("keys", "create", "kiosk", *options)
    assert done.returncode == 0, done.stdout
    return done.stdout.split()[-1]


def status(server: Server, key: str) -> int:
    with server.client(key=key) as client:
        return client.get("/agents").status_code


def within_a_second(holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        if holds():
            return True
    return False


def test_a_key_made_on_one_opens_on_the_other_at_once(pair: Pair) -> None:
    """Over HTTP as by the command line."""
    one, two = pair
    with one.client() as client:
        key = client.post("/security/keys", json={"name": "kiosk"}).json()["key"]
    assert status(two, key) == 200
    assert status(two, made(one)) == 200


def test_a_key_revoked_on_one_is_refused_by_the_other(pair: Pair) -> None:
    """Within a second, whether it was done over HTTP or by the command line."""
    one, two = pair
    by_http, by_command = made(one), made(one)
    assert [status(two, key) for key in (by_http, by_command)] == [200, 200]
    with one.client() as client:
        assert client.delete(f"/security/keys/{by_http.split('_')[1]}").status_code == 200
    assert within_a_second(lambda: status(two, by_http) == 401)
    assert one.bullpen("keys", "revoke", by_command.split("_")[1]).returncode == 0
    assert within_a_second(lambda: status(two, by_command) == 401)


def test_a_refresh_token_used_twice_ends_its_family_everywhere(pair: Pair) -> None:
    """Once on each replica: the access tokens of that family open neither of them a second later."""
    one, two = pair
    with one.client() as first, two.client(key="") as second:
        begun = first.post("/auth/token").json()
        renewed = first.post("/auth/refresh", json={"refresh_token": begun["refresh_token"]}).json()
        assert second.post("/auth/refresh", json={"refresh_token": begun["refresh_token"]}).status_code == 401
    assert within_a_second(lambda: [by_token(server, renewed["access_token"]) for server in pair] == [401, 401])


def by_token(server: Server, token: str) -> int:
    return httpx.get(f"{server.url}/agents", headers={"Authorization": f"Bearer {token}"}).status_code


def test_chains_written_by_both_are_whole(pair: Pair) -> None:
    """Both write to the same tenants' chains at once; nothing is missing, nothing is out of place."""
    keys = {"admin": pair[0].api_key, "user": made(pair[0])}
    rushes = [Rush(server, keys=keys, at_once=8) for server in pair]
    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(rush.run, most=80) for rush in rushes]:
            done.result()
    with pair[1].client() as client:
        for rush in rushes:
            assert len(rush.answered) == 80
            assert rush.answered.keys() <= logged(client, "default", "-")
        for tenant in ("default", "-"):
            assert client.get("/audit/verify", params={"tenant": tenant}).json()["fault"] is None


def test_a_command_that_failed_is_on_record_as_such(pair: Pair) -> None:
    """An overlap that no key may have: what was said to be done is followed by an error."""
    one, two = pair
    key_id = made(one).split("_")[1]
    assert one.bullpen("keys", "rotate", key_id, "--hours", "-1").returncode == 2
    with two.client() as client:
        rows = client.get("/audit/log", params={"event_type": "api_key_rotated"}).json()["audit_log"]
    assert [row["outcome"] for row in rows if row["details"]["replaces"] == key_id] == ["error", "success"]


def test_the_command_line_is_on_record(pair: Pair) -> None:
    """Making, rotating and revoking a key leave events of the operator's, with the key's id and never the key."""
    one, two = pair
    key = made(one, "--user", "kim")
    key_id = key.split("_")[1]
    heir = one.bullpen("keys", "rotate", key_id).stdout.split()[-1]
    assert one.bullpen("keys", "revoke", key_id).returncode == 0
    with two.client() as client:
        answer = client.get("/audit/log", params={"user_id": "operator"})
    rows = {row["event_type"]: row for row in answer.json()["audit_log"][:3]}
    assert set(rows) == {"api_key_created", "api_key_rotated", "api_key_revoked"}
    assert {(row["credential"], row["outcome"]) for row in rows.values()} == {("shell", "success")}
    assert rows["api_key_created"]["details"]["key_owner"] == "kim"
    assert rows["api_key_rotated"]["details"]["replaces"] == key_id == rows["api_key_revoked"]["details"]["key_id"]
    assert key not in answer.text
    assert heir not in answer.text
