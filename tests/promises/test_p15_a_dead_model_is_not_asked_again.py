"""P15: a dead primary model is tried on every request (litellm #40405).

Once its breaker is open the next model is asked with less than 50 ms added, and at most one probe goes out a window.
"""

import statistics
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import httpx
import pytest

from tests.stubs.catalogue import write_catalogue
from tests.stubs.faults import Fault
from tests.stubs.serving import Server
from tests.stubs.upstream import Upstream

ADDED = 0.05
AGENTS = (
    {"type": "fallen", "model": "openai:stub-dead", "retries": 0, "fallback_models": ["openai:stub"]},
    {"type": "healthy", "model": "openai:stub", "retries": 0},
)


@pytest.fixture
def client(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    stub_settings: Mapping[str, str],
    upstream: Upstream,
) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("dead")
    settings = {
        **stub_settings,
        "CONFIG_DIR": str(write_catalogue(folder, agents=AGENTS)),
        "BREAKER__OPEN_SECONDS": request.param,
    }
    with Server(folder, settings=settings) as server, server.client() as client:
        upstream.break_down(Fault(behaviour="500", model="stub-dead"))
        yield client
        upstream.mend("stub-dead")


def execute(client: httpx.Client, agent_type: str) -> float:
    """Seconds a good answer took."""
    response = client.post("/agent/execute", json={"agent_type": agent_type, "task": "Hello"})
    assert response.status_code == 200, response.text
    return response.elapsed.total_seconds()


@pytest.mark.parametrize("client", ["3600"], indirect=True)
def test_p15_the_next_model_is_asked_at_once(client: httpx.Client, upstream: Upstream) -> None:
    """All requests are answered, the dead model sees what opened its breaker and no more, and nobody waits for it."""
    for _ in range(30):
        execute(client, "fallen")
    assert upstream.counts("stub-dead").arrived == 5
    healthy = statistics.median(execute(client, "healthy") for _ in range(20))
    fallen = statistics.median(execute(client, "fallen") for _ in range(20))
    assert fallen - healthy < ADDED


@pytest.mark.parametrize("client", ["1"], indirect=True)
def test_p15_one_probe_a_window(client: httpx.Client, upstream: Upstream) -> None:
    """However many ask at once when it is time to try again, one of them is the probe; none of them fails."""
    for _ in range(6):
        execute(client, "fallen")
    before = upstream.counts("stub-dead").arrived
    windows = 3
    with ThreadPoolExecutor(8) as crowd:
        arrivals = before
        while arrivals < before + windows:
            list(crowd.map(lambda _: execute(client, "fallen"), range(16)))
            arrivals = upstream.counts("stub-dead").arrived
    probes = upstream.counts("stub-dead").arrivals[before:]
    gaps = [later - earlier for earlier, later in pairwise(probes)]
    assert min(gaps) > 0.9
