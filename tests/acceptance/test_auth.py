"""`/auth/…`: an API key becomes tokens, tokens are renewed and revoked, over the wire."""

import asyncio
import json
import time
from base64 import urlsafe_b64decode
from typing import Any

import httpx
import pytest

from tests.stubs.serving import Server


@pytest.fixture(scope="module")
def key(server_process: Server) -> str:
    """A key of the role `analyst`."""
    return server_process.bullpen("keys", "create", "robot", "--role", "analyst").stdout.strip()


def begun(server: Server, key: str) -> dict[str, Any]:
    with server.client(key=key) as client:
        response = client.post("/auth/token")
    assert response.status_code == 200, response.text
    assert response.headers["Cache-Control"] == "no-store"
    grant: dict[str, Any] = response.json()
    return grant


def opens(server: Server, grant: dict[str, Any]) -> bool:
    with server.client(key="", headers={"Authorization": f"Bearer {grant['access_token']}"}) as client:
        response = client.get("/agents")
    assert response.status_code in {200, 401}, response.text
    return response.status_code == 200


def refreshed(server: Server, grant: dict[str, Any]) -> httpx.Response:
    with server.client(key="") as client:
        return client.post("/auth/refresh", json={"refresh_token": grant["refresh_token"]})


def revoked(server: Server, token: str) -> httpx.Response:
    with server.client(key="") as client:
        return client.post("/auth/revoke", json={"token": token})


def claims(grant: dict[str, Any]) -> dict[str, Any]:
    payload = grant["access_token"].split(".")[1]
    document: dict[str, Any] = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return document


def test_a_key_becomes_tokens(server: Server, key: str) -> None:
    """An hour and a week; the access token says whose it is and what it grants, and it opens."""
    grant = begun(server, key)
    assert (grant["token_type"], grant["expires_in"], grant["refresh_expires_in"]) == ("Bearer", 3600, 604_800)
    told = claims(grant)
    assert (told["iss"], told["user_id"], told["tenant"]) == ("bullpen", "robot", "default")
    assert (told["roles"], told["exp"] - told["iat"]) == (["analyst"], 3600)
    assert told["sid"].startswith(f"bs_{key.split('_')[1]}_")
    assert opens(server, grant)


def test_a_token_grants_what_its_key_does(server: Server, key: str) -> None:
    """And no more: what is not for analysts stays closed."""
    bearer = {"Authorization": f"Bearer {begun(server, key)['access_token']}"}
    with server.client(key="", headers=bearer) as client:
        assert [client.get(path).status_code for path in ("/pool/stats", "/metrics")] == [200, 403]


def test_a_token_is_no_key(server: Server, key: str) -> None:
    """It gets no tokens: 403. So nobody stays longer than by refreshing."""
    bearer = {"Authorization": f"Bearer {begun(server, key)['access_token']}"}
    with server.client(key="", headers=bearer) as client:
        assert client.post("/auth/token").status_code == 403


def test_without_a_key_there_are_no_tokens(server: Server) -> None:
    """401."""
    with server.client(key="") as client:
        assert client.post("/auth/token").status_code == 401


def test_a_refresh_token_is_exchanged_once(server: Server, key: str) -> None:
    """The second time it ends the session: the access tokens of both are refused within a second."""
    first = begun(server, key)
    second = refreshed(server, first).json()
    assert opens(server, second)
    reused = refreshed(server, first)
    assert (reused.status_code, reused.headers["content-type"]) == (401, "application/problem+json")
    assert not opens(server, first)
    assert not opens(server, second)
    assert refreshed(server, second).status_code == 401


async def test_a_refresh_token_sent_twice_at_once_ends_the_session(server: Server, key: str) -> None:
    """One is served at most, and what it got opens nothing."""
    grant = begun(server, key)
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        asked = [client.post("/auth/refresh", json={"refresh_token": grant["refresh_token"]}) for _ in range(4)]
        answers = await asyncio.gather(*asked)
    served = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(served) == 1
    assert not opens(server, served[0])


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_either_token_can_be_revoked(server: Server, key: str, which: str) -> None:
    """And with it all of its session; a session of the same key goes on."""
    grant, other = begun(server, key), begun(server, key)
    assert revoked(server, grant[which]).status_code == 200
    assert not opens(server, grant)
    assert refreshed(server, grant).status_code == 401
    assert opens(server, other)


def test_a_revocation_is_on_its_owners_record(server: Server, client: httpx.Client) -> None:
    """Whoever holds the token is enough to end the session; whose it was is what an auditor asks."""
    key = server.bullpen("keys", "create", "owner", "--user", "olga").stdout.split()[-1]
    grant = begun(server, key)
    assert revoked(server, grant["refresh_token"]).status_code == 200
    rows = client.get("/audit/log", params={"event_type": "token_revoked", "user_id": "olga"}).json()["audit_log"]
    assert [row["details"]["session"] for row in rows] == [claims(grant)["sid"]]


@pytest.mark.parametrize("token", ["x", "br_1", "a.b.c", "br_" + "a" * 12 + "_" + "0" * 64, "ü"])
def test_what_is_no_token_needs_no_revoking(server: Server, token: str) -> None:
    """RFC 7009 §2.2: 200. And it is none to refresh by: 401."""
    assert revoked(server, token).status_code == 200
    assert refreshed(server, {"refresh_token": token}).status_code == 401


def test_a_revoked_key_takes_its_tokens_with_it(server: Server) -> None:
    """Within a second, also when it was revoked by another process."""
    key = server.bullpen("keys", "create", "leaver", "--role", "analyst").stdout.strip()
    grant = begun(server, key)
    assert server.bullpen("keys", "revoke", key.split("_")[1]).returncode == 0
    end = time.monotonic() + 1.0
    while opens(server, grant):
        assert time.monotonic() < end
    assert refreshed(server, grant).status_code == 401


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/auth/refresh", b"{}", 422),
        ("/auth/refresh", b'{"refresh_token": 1}', 422),
        ("/auth/refresh", b'{"refresh_token": ""}', 422),
        ("/auth/refresh", b"nonsense", 400),
        ("/auth/revoke", b"[]", 422),
        ("/auth/revoke", b'{"token": "' + b"x" * 9000 + b'"}', 422),
    ],
)
def test_a_body_with_a_mistake_is_refused(server: Server, path: str, body: bytes, status: int) -> None:
    """In the words of every other route, and without repeating it."""
    with server.client(key="") as client:
        response = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == status, response.text
    assert "xxx" not in response.text


def test_no_token_is_kept_in_the_clear(server: Server, key: str) -> None:
    """What is stored cannot be shown as a credential, and none is logged."""
    grant = begun(server, key)
    refreshed(server, grant)
    data = server.folder / ".bullpen"
    stored = b"".join(file.read_bytes() for file in data.rglob("*") if file.is_file() and file.name != "api-key")
    for secret in (grant["access_token"], grant["refresh_token"], grant["refresh_token"].rpartition("_")[2]):
        assert secret.encode() not in stored
        assert secret not in server.output()
