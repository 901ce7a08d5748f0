"""The application over a real house, in this process: that the settings reach the guards."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from bullpen.api import create_app
from bullpen.bootstrap import bootstrap
from bullpen.settings import Settings
from tests.stubs.serving import PROJECT


@asynccontextmanager
async def served(folder: Path, **chosen: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the key the house made for itself."""
    given = {"config_dir": PROJECT / "config", "data_dir": folder, "log_level": "ERROR", "model_name": "offline"}
    settings = Settings.load(**{**given, **chosen})
    async with bootstrap(settings) as services:
        transport = httpx.ASGITransport(create_app(services, settings), client=("192.0.2.7", 50_000))
        headers = {"X-API-Key": services.first_key or ""}
        async with httpx.AsyncClient(transport=transport, base_url="http://bullpen", headers=headers) as client:
            yield client


async def test_routes_may_ask_for_a_second_factor(tmp_path: Path) -> None:
    """Those that were set, in the words that were set."""
    async with served(tmp_path, auth={"mfa_routes": ["/security/*"], "mfa_acr_values": ["strong"]}) as client:
        refused, granted = await client.get("/security/keys"), await client.get("/agents")
    assert (refused.status_code, granted.status_code) == (401, 200)
    assert 'acr_values="strong"' in refused.headers["WWW-Authenticate"]


async def test_a_proxy_is_believed_when_it_is_named(tmp_path: Path) -> None:
    """Otherwise the client is whoever connected, and came without TLS."""
    said = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    for proxies, address in ([], "192.0.2.7"), (["192.0.2.0/24"], "203.0.113.9"):
        async with served(tmp_path / str(len(proxies)), http={"trusted_proxies": proxies}) as client:
            answer = await client.get("/agents", headers=said)
            log = (await client.get("/audit/log", params={"event_type": "api_key_auth_success"})).json()["audit_log"]
        assert ("Strict-Transport-Security" in answer.headers) == bool(proxies)
        rows = [row for row in log if row["route"] == "/agents"]
        assert [row["ip_address"] for row in rows] == [address]


async def test_metrics_can_be_off(tmp_path: Path) -> None:
    """And are not open when they are on."""
    async with served(tmp_path, enable_metrics=False) as client:
        assert (await client.get("/metrics")).status_code == 404
    async with served(tmp_path) as client:
        assert (await client.get("/metrics")).status_code == 200
        assert (await client.get("/metrics", headers={"X-API-Key": ""})).status_code == 401


async def test_tokens_are_reserved_as_was_set(tmp_path: Path) -> None:
    """By `LIMITS__TOKENS_PER_RUN`, until it is known what a run has used."""
    config = tmp_path / "config"
    config.mkdir()
    for name in ("agents", "tools.yaml"):
        (config / name).symlink_to(PROJECT / "config" / name)
    (config / "limits.yaml").write_text("levels:\n  user: {tokens_per_minute: 600, tokens_burst: 600}\n")
    for reserved, remaining in (100, "r=491;"), (500, "r=91;"):
        chosen: dict[str, Any] = {"config_dir": config, "limits": {"tokens_per_run": reserved}}
        async with served(tmp_path / str(reserved), **chosen) as client:
            answer = await client.post("/agent/execute", json={"agent_type": "general", "task": "hello"})
        assert answer.status_code == 200
        assert f'"user-tokens";{remaining}' in answer.headers["RateLimit"]
