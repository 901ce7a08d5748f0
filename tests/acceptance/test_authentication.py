"""Who may come in: an API key, or a token signed with HS256; nobody else, on any route but the health routes."""

import time
from typing import Any

import httpx
import pytest

from tests.stubs import tokens
from tests.stubs.serving import Server

ASKED = {"agent_type": "general", "task": "Hello"}
GUARDED = [
    ("POST", "/agent/execute"),
    ("POST", "/agent/batch"),
    ("GET", "/agents"),
    ("GET", "/agents/general"),
    ("GET", "/pool/stats"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
]
OPEN = ["/health", "/health/live", "/health/ready", "/ready"]


def show(server: Server, headers: dict[str, str]) -> httpx.Response:
    with server.client(key="") as client:
        return client.post("/agent/execute", json=ASKED, headers=headers)


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


def check_refused(response: httpx.Response) -> None:
    assert response.status_code == 401, response.text
    assert response.headers["WWW-Authenticate"]
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["request_id"]


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_no_credential_no_entry(server: Server, method: str, path: str) -> None:
    """401 with `WWW-Authenticate` on everything but health."""
    with server.client(key="") as client:
        check_refused(client.request(method, path))


@pytest.mark.parametrize("path", OPEN)
def test_health_is_open(server: Server, path: str) -> None:
    """A load balancer needs no key."""
    with server.client(key="") as client:
        assert client.get(path).status_code == 200


def test_an_api_key_comes_in_either_header(server: Server) -> None:
    """`X-API-Key`, or bearer."""
    assert show(server, {"X-API-Key": server.api_key}).status_code == 200
    assert show(server, bearer(server.api_key)).status_code == 200


@pytest.mark.parametrize("pattern", ["{key}x", "x{key}", "{key}{key}", "x", "bp_1_2"])
def test_a_wrong_api_key(server: Server, pattern: str) -> None:
    """A known key with anything before or after it, and one nobody made, are refused."""
    check_refused(show(server, {"X-API-Key": pattern.format(key=server.api_key)}))


def test_a_token_comes_in(server: Server) -> None:
    """A token with the seeds' claims is as good as a key."""
    assert show(server, bearer(tokens.token())).status_code == 200


NOW = int(time.time())
BAD_TOKENS: dict[str, dict[str, Any]] = {
    "wrong secret": {"secret": "another-secret-for-tests-that-is-quite-as-long-as-the-one-that-is-right"},
    "unsigned": {"algorithm": "none"},
    "another algorithm": {"algorithm": "HS512"},
    "expired": {"exp": NOW - 60},
    "too old": {"iat": NOW - 25 * 3600, "exp": NOW + 3600},
    "from the future": {"iat": NOW + 3600, "exp": NOW + 7200},
    "no user": {"user_id": None},
    "blank user": {"user_id": ""},
    "no expiry": {"exp": None},
    "no age": {"iat": None},
    "user of a wrong type": {"user_id": 7},
    "expiry of a wrong type": {"exp": "tomorrow"},
}


@pytest.mark.parametrize("fault", BAD_TOKENS)
def test_a_bad_token(server: Server, fault: str) -> None:
    """Each fault alone is enough to be refused."""
    check_refused(show(server, bearer(tokens.token(**BAD_TOKENS[fault]))))


@pytest.mark.parametrize("shown", [b"Bearer", b"Bearer x", b"Bearer a.b.c", b"Bearer ..", b"Bearer \xff\xfe", b"\xe9"])
def test_a_bearer_that_is_no_token(server: Server, shown: bytes) -> None:
    """Junk is refused, and breaks nothing."""
    with server.client(key="") as client:
        check_refused(client.get("/agents", headers=[(b"Authorization", shown)]))
        check_refused(client.get("/agents", headers=[(b"X-API-Key", shown)]))


@pytest.mark.parametrize("other", [b"bp_x", b"x"])
@pytest.mark.parametrize("first", [True, False])
def test_a_header_sent_twice(server: Server, other: bytes, first: bool) -> None:
    """Two credentials are refused whichever comes first: an added one must not win, nor hide."""
    key = server.api_key.encode()
    shown = [other, key] if first else [key, other]
    with server.client(key="") as client:
        check_refused(client.get("/agents", headers=[(b"X-API-Key", each) for each in shown]))
        check_refused(client.get("/agents", headers=[(b"Authorization", b"Bearer " + each) for each in shown]))


def test_another_scheme(server: Server) -> None:
    """Basic is not spoken here."""
    check_refused(show(server, {"Authorization": "Basic YWRhOnNlY3JldA=="}))


def test_a_bad_credential_beside_a_bad_body(server: Server) -> None:
    """Who you are comes first: a stranger learns nothing about their body."""
    with server.client(key="") as client:
        check_refused(client.post("/agent/execute", content=b"{", headers={"Content-Type": "application/json"}))


def test_a_refusal_says_nothing_of_the_key(server: Server) -> None:
    """A known id and an unknown one get the same words."""
    texts = {show(server, {"X-API-Key": key}).json()["detail"] for key in (server.api_key[:-2] + "xx", "nobody")}
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("role", "agent_type", "status"),
    [
        ("user", "general", 200),
        ("user", "restricted", 403),
        ("analyst", "restricted", 200),
        ("developer", "restricted", 200),
        ("admin", "restricted", 200),
        ("janitor", "general", 403),
    ],
)
def test_roles(server: Server, role: str, agent_type: str, status: int) -> None:
    """A user runs basic agents only, a role nobody knows runs nothing."""
    with server.client(key="", headers=bearer(tokens.token(roles=[role]))) as client:
        response = client.post("/agent/execute", json={"agent_type": agent_type, "task": "Hello"})
    assert response.status_code == status, response.text


def test_the_list_of_agents_is_the_callers_own(server: Server) -> None:
    """What a caller may not run is neither listed nor named to them."""
    with server.client(key="", headers=bearer(tokens.token(roles=["user"]))) as client:
        listed = {agent["type"] for agent in client.get("/agents").json()["agents"]}
        unknown = client.post("/agent/execute", json={"agent_type": "nobody", "task": "Hello"}).json()
    assert "general" in listed
    assert "restricted" not in listed
    assert "restricted" not in unknown["detail"]
