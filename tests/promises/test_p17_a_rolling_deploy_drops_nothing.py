"""P17: a rolling deploy drops no request (litellm PR #28714, #29439); in short, `make chaos` has the full form."""

import asyncio
import signal
from pathlib import Path

from tests.stubs.balancer import Balancer
from tests.stubs.catalogue import write_catalogue
from tests.stubs.serving import Server
from tests.stubs.traffic import Traffic
from tests.stubs.upstream import Upstream
from tests.stubs.workers import logged, until

RATE = 60.0
HELLO = {"agent_type": "openai_stub", "task": "Hello"}


def settings(folder: Path, stub: dict[str, str]) -> dict[str, str]:
    made = {"CONFIG_DIR": str(write_catalogue(folder)), "API_SECRET_KEY": "one secret for all replicas, long enough"}
    return {**stub, **made, "DATA_DIR": str(folder / "data"), "MAX_CONCURRENT_AGENTS": "100"}


async def test_p17_a_replica_leaves_a_balancer(
    tmp_path: Path, stub_settings: dict[str, str], upstream: Upstream
) -> None:
    """SIGTERM to one of two replicas behind a balancer that follows `/ready`: every request is answered with 200."""
    chosen = {**settings(tmp_path, stub_settings), "DRAIN_DELAY": "0.5"}
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    with Server(folders[0], settings=chosen) as leaving, Server(folders[1], settings=chosen) as staying:
        key = (tmp_path / "data" / "api-key").read_text().strip()
        async with Balancer([leaving.port, staying.port]) as balancer:
            traffic = Traffic(balancer.url, key=key, body=HELLO, rate=RATE)
            await traffic.during(asyncio.to_thread(leaving.stop))
            assert (set(traffic.outcomes), balancer.lost) == ({"200"}, 0)
            assert leaving.stop() == 0


async def test_p17_workers_are_replaced_under_load(
    tmp_path: Path, stub_settings: dict[str, str], upstream: Upstream
) -> None:
    """SIGHUP with two workers, and clients that keep their connections: every request is answered with 200."""
    with Server(tmp_path, settings=settings(tmp_path, stub_settings), arguments=["--workers", "2"]) as server:
        key = (tmp_path / "data" / "api-key").read_text().strip()
        server.ask_to_stop(by=signal.SIGHUP)
        traffic = Traffic(server.url, key=key, body=HELLO, rate=RATE)
        await traffic.during(asyncio.to_thread(until, lambda: bool(logged(server, "workers_replaced"))))
        assert set(traffic.outcomes) == {"200"}
        assert server.stop() == 0
