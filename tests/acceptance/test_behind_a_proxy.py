"""Behind a proxy that is trusted, and in front of pages that may call."""

from collections.abc import Iterator, Mapping

import pytest

from tests.stubs.serving import Server

PAGE = "https://app.example.com"
TOLD = {"X-Forwarded-For": "198.51.100.9, 203.0.113.7", "X-Forwarded-Proto": "https"}


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that takes us for its proxy."""
    settings = {"MODEL_NAME": "offline", "HTTP__TRUSTED_PROXIES": "127.0.0.0/8", "HTTP__CORS_ORIGINS": PAGE}
    with Server(tmp_path_factory.mktemp("proxied"), settings=settings) as server:
        yield server


def addresses(server: Server, headers: Mapping[str, str]) -> str:
    """The address the audit trail has of a request with these headers."""
    with server.client() as client:
        answer = client.get("/agents", headers={**headers, "X-Request-ID": "asked-here"})
        assert answer.status_code == 200
        found = client.get("/audit/log", params={"limit": 50}).json()["audit_log"]
    return next(str(each["ip_address"]) for each in found if each["request_id"] == "asked-here")


def test_a_trusted_proxy_says_who_the_client_is(proxied: Server) -> None:
    """The audit trail has the client's address: the right-most one, not what the client wrote left of it."""
    assert addresses(proxied, TOLD) == "203.0.113.7"


def test_a_stranger_does_not(server: Server) -> None:
    """Without trusted proxies nobody's word counts, and nobody is told to stay with TLS."""
    assert addresses(server, TOLD) == "127.0.0.1"
    with server.client() as client:
        assert "strict-transport-security" not in client.get("/agents", headers=TOLD).headers


def test_only_a_client_that_came_over_tls_is_told_to_stay(proxied: Server) -> None:
    """On every answer, a refusal too."""
    with proxied.client() as client:
        for path in ("/agents", "/nowhere", "/ready"):
            assert client.get(path, headers=TOLD).headers["strict-transport-security"] == "max-age=31536000"
            assert "strict-transport-security" not in client.get(path).headers


def test_a_page_that_was_named_may_call_and_read_refusals(proxied: Server) -> None:
    """The preflight needs no credential; another page, and a server without origins, give no header of the kind."""
    preflight = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "X-API-Key"}
    with proxied.client(key="") as page:
        assert page.options("/agent/execute", headers=preflight).headers["access-control-allow-origin"] == PAGE
        refused = page.post("/agent/execute", headers={"Origin": PAGE})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, PAGE)
        other = page.post("/agent/execute", headers={"Origin": "https://evil.example.com"})
        assert "access-control-allow-origin" not in other.headers


def test_without_origins_there_is_no_cors(server: Server) -> None:
    """Not a single header of it, not even on what looks like a preflight."""
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    with server.client() as client:
        answers = [client.options("/agent/execute", headers=asked), client.get("/agents", headers=asked)]
    assert [name for answer in answers for name in answer.headers if name.startswith("access-control")] == []
