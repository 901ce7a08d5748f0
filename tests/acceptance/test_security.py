"""`GET /security/status`: how well the server is guarded, for its administrators."""

import time
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx
import pytest

from tests.stubs.cable import Cable
from tests.stubs.people import made
from tests.stubs.postgres import fresh_database
from tests.stubs.serving import Server, bullpen

ROWS = 2  # of each request: who it was, and that they may
SEEDS = ("total_audit_entries", "recent_events", "rate_limits_active")


def status(client: httpx.Client) -> dict[str, Any]:
    answer = client.get("/security/status")
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def tenants_admin(server: Server, client: httpx.Client, tenant: str) -> httpx.Client:
    return server.client(key=made(client, tenant=tenant, roles=["admin"])["key"])


def test_the_seeds_members_are_figures(server: Server, client: httpx.Client) -> None:
    """They count what was just done, in the caller's own tenant: what waits to be delivered is waited for."""
    with tenants_admin(server, client, "counted") as admin:
        asked, end = 4, time.monotonic() + 30
        expected = status(admin)["total_audit_entries"] + asked * ROWS
        for _ in range(asked - 1):
            admin.get("/agents")
        after = status(admin)
        while after["total_audit_entries"] != expected and time.monotonic() < end:
            expected += (
                ROWS  # on a busy machine delivery may take longer than the status waits; to ask is an event, too
            )
            after = status(admin)
    assert [type(after[name]) for name in SEEDS] == [int, int, int]
    assert after["recent_events"] == after["total_audit_entries"] == expected


def test_refusals_are_told(server: Server, client: httpx.Client) -> None:
    """Those of the tenant and those of strangers; not another tenant's."""
    with tenants_admin(server, client, "refused") as admin, tenants_admin(server, client, "calm") as other:
        user = made(admin, user_id="ann")["key"]
        for path in ("/metrics", "/pool/stats"):
            with server.client(key=user) as ann:
                assert ann.get(path).status_code == 403
        with server.client(key="") as stranger:
            stranger.get("/agents")
        told = status(admin)["recent_denials"], status(other)["recent_denials"]
    assert told[0]["authorization_denied"] == 2
    assert "authorization_denied" not in told[1]
    assert all(each["credential_missing"] > 0 for each in told)


@pytest.mark.parametrize("role", ["user", "analyst", "developer"])
def test_it_is_for_administrators(server: Server, client: httpx.Client, role: str) -> None:
    """403 for every role but `admin`."""
    with server.client(key=made(client, roles=[role])["key"]) as other:
        assert other.get("/security/status").status_code == 403


CANARIES = {
    "API_SECRET_KEY": token_hex(32),
    "API_SECRET_KEY_PREVIOUS": token_hex(32),
    "OPENAI_API_KEY": "sk-canary-of-openai",
    "ANTHROPIC_API_KEY": "sk-canary-of-anthropic",
    "REDIS_PASSWORD": "canary-of-redis",
}


@pytest.fixture
def cable(postgres_url: str) -> Iterator[Cable]:
    """The way to a database of this test's own."""
    with fresh_database(postgres_url) as url, Cable(url) as cable:
        yield cable


def test_what_is_away_is_null_and_the_rest_is_told(tmp_path: Path, cable: Cable) -> None:
    """Fails open: without its database a server still says how its guards stand, and that it is degraded."""
    settings = {**CANARIES, "DATABASE_URL": cable.url, "MODEL_NAME": "offline", "DATA_DIR": str(tmp_path / "data")}
    assert bullpen("migrate", folder=tmp_path, settings=settings).returncode == 0
    with Server(tmp_path, settings=settings) as server:
        key = (tmp_path / "data" / "api-key").read_text().strip()
        with server.client(key=key) as client:
            client.get("/agents")
            there = status(client)
            cable.unplug()
            client.get("/agents")
            away = status(client)
            cable.plug()
    assert there["total_audit_entries"] > 0
    assert there["controls"]["audit"] == {"durability": "shared", "degraded": False, "keep_days": 2555}
    assert [away[name] for name in ("total_audit_entries", "recent_events", "recent_denials")] == [None, None, None]
    assert away["controls"]["audit"]["degraded"] is True
    assert away["rate_limits_active"] is not None
    assert set(away["controls"]) == set(there["controls"]) == {"audit", "limits", "policy", "tokens", "door", "files"}
    assert away["keys"]["usable"] == 1
    for told in (there, away):
        assert not [name for name, secret in CANARIES.items() if secret in str(told)]
        assert not [part for part in (key, key.rpartition("_")[2], cable.url) if part in str(told)]
