"""Stopping under load: what was accepted is answered, down to the last connection."""

import asyncio
from pathlib import Path

import pytest

from tests.stubs.catalogue import write_catalogue
from tests.stubs.serving import Server
from tests.stubs.traffic import Traffic
from tests.stubs.upstream import Upstream

RATE = 60.0
HELLO = {"agent_type": "openai_stub", "task": "Hello"}


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_stop_resets_no_connection(
    tmp_path: Path, stub_settings: dict[str, str], upstream: Upstream, workers: str
) -> None:
    """SIGTERM to the only server under load: whoever still got a connection got an answer; the others are refused."""
    settings = {**stub_settings, "CONFIG_DIR": str(write_catalogue(tmp_path)), "MAX_CONCURRENT_AGENTS": "100"}
    with Server(tmp_path, settings=settings, arguments=["--workers", workers]) as server:
        traffic = Traffic(server.url, key=server.api_key, body=HELLO, rate=RATE)
        await traffic.during(asyncio.to_thread(server.stop), after=0)
        assert set(traffic.outcomes) <= {"200", "ClientConnectorError"}
        assert traffic.outcomes["200"]
