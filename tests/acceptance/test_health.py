"""Whether a server can work: what it says of each thing it leans on, and what it says when one is away."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bullpen.api.figures import HealthDocument
from tests.stubs.cable import Cable
from tests.stubs.cabled import cabled_server
from tests.stubs.catalogue import write_catalogue
from tests.stubs.exposition import Exposition
from tests.stubs.ports import free_port
from tests.stubs.serving import Server
from tests.stubs.upstream import Upstream
from tests.stubs.waiting import until

# Less than one look at what hangs takes, seconds. An orchestrator's probe waits one; this machine may be busy.
PROBE = 1.9
RUDE = '''
import time


async def hold_everybody_up() -> str:
    """Does not give way."""
    time.sleep(1)
    return "done"
'''


def ready(server: Server) -> httpx.Response:
    return httpx.get(f"{server.url}/health/ready", timeout=PROBE)


def scraped(server: Server) -> Exposition:
    with server.client() as client:
        return Exposition(client.get("/metrics").text)


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/ready"])
def test_each_dependency_is_told(server: Server, path: str) -> None:
    """Required or not, its state, its age, since when, and how long it took; and how late the loop was."""
    answer = httpx.get(f"{server.url}{path}")
    told = HealthDocument.model_validate(answer.json(), strict=True)
    assert told.dependencies is not None
    assert told.event_loop is not None
    database, openai = (told.dependencies[name] for name in ("database", "model:openai"))
    assert (database.status, database.required, openai.status, openai.required) == ("up", True, "up", False)
    assert database.age is not None
    assert database.age < 2


def test_a_probe_is_no_model_call(server: Server, upstream: Upstream) -> None:
    """Providers are asked for their list of models: no run, no tokens, nothing booked."""
    before = scraped(server)
    until(lambda: ready(server).json()["dependencies"]["model:openai"]["age"] < 1)
    after = scraped(server)
    assert upstream.calls() == []
    for name in ("bullpen_model_calls_total", "bullpen_tokens_used_total"):
        assert after.value(name) == before.value(name)


@pytest.mark.parametrize("probed", [True, False])
def test_a_provider_that_is_away_takes_no_replica_out(tmp_path: Path, probed: bool) -> None:
    """It is told as optional, and degrades; `HEALTH__PROBE_MODELS=false` asks nobody."""
    settings = {
        "CONFIG_DIR": str(write_catalogue(tmp_path, agents=[{"type": "general", "model": "local:m"}])),
        "ENDPOINTS__LOCAL__BASE_URL": f"http://127.0.0.1:{free_port()}/v1",
        "HEALTH__PROBE_MODELS": str(probed).lower(),
    }
    with Server(tmp_path, settings=settings) as server:
        answer = ready(server)
    assert answer.status_code == 200
    told = answer.json()["dependencies"].get("model:local")
    if probed:
        assert answer.json()["status"] == "degraded"
        assert (told["status"], told["required"], told["error"]) == ("down", False, "model_unavailable")
    else:
        assert (answer.json()["status"], told) == ("ok", None)


def test_a_loop_that_stands_still_names_the_code(tmp_path: Path, stub_settings: dict[str, str]) -> None:
    """A tool that blocks in an async function stops everybody; the log says where, once, and how long."""
    agent = {"type": "rude", "model": "openai:stub-tools", "tools": ["rude"]}
    tools = {"rude": {"function": "rude:hold_everybody_up"}}
    config = write_catalogue(tmp_path, agents=[agent], tools=tools)
    (tmp_path / "rude.py").write_text(RUDE)
    settings = {**stub_settings, "CONFIG_DIR": str(config), "HEALTH__STALL_SECONDS": "0.3"}
    with Server(tmp_path, settings=settings) as server, server.client() as client:
        assert client.post("/agent/execute", json={"agent_type": "rude", "task": "Go"}).status_code == 200
        until(lambda: "loop_runs_again" in server.output())
        stalled = [line for line in server.output().splitlines() if '"loop_stalled"' in line]
        named = [line for line in stalled if f"{tmp_path / 'rude.py'}:7 hold_everybody_up" in line]
        assert len(named) == 1
        assert scraped(server).value("bullpen_loop_stalls_total") >= len(stalled)
        assert client.get("/health").json()["event_loop"]["lag_max_ms"] > 300


@pytest.fixture(scope="module")
def cabled(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Cable]]:
    folder = tmp_path_factory.mktemp("cabled")
    with cabled_server(folder, postgres_url=postgres_url, settings={"HEALTH__EVERY": "0.5"}) as both:
        yield both


def test_a_database_that_hangs_holds_up_no_probe(cabled: tuple[Server, Cable]) -> None:
    """Liveness and readiness are answered all the time, and the third failure makes the replica not ready."""
    server, cable = cabled
    until(lambda: ready(server).status_code == 200)
    cable.hush()
    told: list[httpx.Response] = []
    while not told or told[-1].status_code == 200:
        assert httpx.get(f"{server.url}/health/live", timeout=PROBE).json() == {"status": "ok"}
        told.append(ready(server))
    last = told[-1].json()["dependencies"]["database"]
    assert (last["status"], last["error"], last["failures"]) == ("down", "timeout", 3)
    cable.unplug()
    cable.plug()
    until(lambda: ready(server).status_code == 200)


def test_nobody_has_to_ask(cabled: tuple[Server, Cable]) -> None:
    """The metric and the log follow the database in the background."""
    server, cable = cabled

    def is_up(value: int) -> bool:
        return scraped(server).value("bullpen_dependency_up", dependency="database") == value

    until(lambda: is_up(1))
    cable.unplug()
    until(lambda: is_up(0))
    until(lambda: '"dependency_down"' in server.output())
    cable.plug()
    until(lambda: is_up(1))
    assert '"dependency_back"' in server.output()
