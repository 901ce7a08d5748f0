"""P19: there is no way to start open to the network without a key (agno #10051)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stubs.serving import Server, bullpen

WEAK = {
    "the first seed's": "your-super-secure-jwt-secret-change-in-production",
    "one letter": "a" * 40,
    "too few bytes": "0f6b2c1d9e8a47b3a1c2d3e4f5a6b7c",
}
OPEN = {"/health", "/health/live", "/health/ready", "/ready"}
# RFC 7009 asks that revoking answers 200 whatever was sent; that it does nothing for a stranger is proven below.
REVOKES = "/auth/revoke"
# What a stranger has to show where the credential is in the body.
SHOWN = {
    "/auth/refresh": {"refresh_token": f"br_{'a' * 12}_{'0' * 64}"},
    REVOKES: {"token": f"br_{'a' * 12}_{'0' * 64}"},
}
IDENTITIES = {
    **dict.fromkeys(("X-Forwarded-User", "X-Remote-User", "Remote-User", "X-User-Id", "X-Auth-Request-User"), "admin"),
    **dict.fromkeys(("X-User-Roles", "X-Forwarded-Groups", "X-Tenant", "X-Original-User"), "admin"),
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Proto": "https",
    "Forwarded": 'for=127.0.0.1;proto=https;by="admin"',
}


@pytest.mark.parametrize(
    ("host", "settings"),
    [
        ("0.0.0.0", {}),
        ("0.0.0.0", {"MODEL_NAME": "offline", "API_SECRET_KEY": ""}),
        ("::", {"MODEL_NAME": "offline"}),
    ],
)
def test_p19_no_start_without_a_secret(tmp_path: Path, host: str, settings: dict[str, str]) -> None:
    """On an address others can reach a server refuses to start, and names all that it lacks."""
    done = bullpen("serve", "--host", host, "--port", "0", folder=tmp_path, settings=settings)
    assert done.returncode == 2, done.stdout
    assert "Traceback" not in done.stdout
    assert "API_SECRET_KEY" in done.stdout
    assert ("MODEL_NAME" in done.stdout) == (not settings)


@pytest.mark.parametrize(
    ("name", "weak"),
    [
        ("API_SECRET_KEY", "the first seed's"),
        ("API_SECRET_KEY", "too few bytes"),
        ("API_SECRET_KEY_PREVIOUS", "one letter"),
    ],
)
def test_p19_no_start_with_a_secret_that_is_none(tmp_path: Path, name: str, weak: str) -> None:
    """What stands in manuals, or was typed to fill the line, is no secret; the refusal does not repeat it."""
    strong = {"API_SECRET_KEY": "4be1f1d3c07a9ad1e5a6b6cf32d1a7f08dd1c3e7a2b940f6"}
    settings = {"MODEL_NAME": "offline", **strong, name: WEAK[weak]}
    done = bullpen("serve", "--host", "0.0.0.0", "--port", "0", folder=tmp_path, settings=settings)
    assert done.returncode == 2, done.stdout
    assert f"{name}: " in done.stdout
    assert WEAK[weak] not in done.stdout


def test_p19_every_route_wants_a_credential(server: Server) -> None:
    """Each operation of the contract answers 401 to a stranger, but for the four health routes and revoking."""
    assert opened_by(server, {}) == {*OPEN, REVOKES}


def test_p19_a_stranger_revokes_nothing(server: Server) -> None:
    """Who knows a token's public part, and guesses at the rest, is answered as everybody, and its session goes on."""
    with server.client() as client, server.client(key="") as stranger:
        grant = client.post("/auth/token").json()
        head, _, secret = grant["refresh_token"].rpartition("_")
        claims, _, signature = grant["access_token"].rpartition(".")
        for guess in (f"{head}_{secret[::-1]}", f"{claims}.{signature[::-1]}", f"{claims}."):
            answer = stranger.post(REVOKES, json={"token": guess})
            assert (answer.status_code, answer.json()) == (200, {})
        renewed = stranger.post("/auth/refresh", json={"refresh_token": grant["refresh_token"]})
    assert renewed.status_code == 200


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that trusts whoever calls from this machine to be a proxy."""
    settings = {"MODEL_NAME": "offline", "HTTP__TRUSTED_PROXIES": "127.0.0.0/8"}
    with Server(tmp_path_factory.mktemp("trusting"), settings=settings) as server:
        yield server


def test_p19_no_header_names_a_user(server: Server, trusting: Server) -> None:
    """What proxies write about users is read nowhere, also from a proxy that is trusted: each route answers 401."""
    assert opened_by(server, IDENTITIES) == opened_by(trusting, IDENTITIES) == {*OPEN, REVOKES}


def opened_by(server: Server, headers: dict[str, str]) -> set[str]:
    """The paths that answer a stranger with these headers by anything but 401."""
    with server.client() as known, server.client(key="", headers=headers) as stranger:
        paths = known.get("/openapi.json").json()["paths"]
        return {
            path
            for path, operations in paths.items()
            for method in operations
            if stranger.request(method, path.replace("{", "").replace("}", ""), json=SHOWN.get(path)).status_code != 401
        }


def test_p19_a_key_is_made_that_nobody_else_can_read(server: Server) -> None:
    """The first start makes a key of its own; two servers never have the same."""
    file = server.folder / ".bullpen" / "api-key"
    assert file.stat().st_mode & 0o077 == 0
    assert len(server.api_key) >= 32
