"""P27: time spent waiting in a queue is invisible (aegra #307).

The wait for a lane has a histogram of its own, and is in the response.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.stubs.catalogue import write_catalogue
from tests.stubs.exposition import Exposition
from tests.stubs.serving import Server
from tests.stubs.upstream import Upstream

AGENTS = ({"type": "slow", "model": "openai:stub-slow-300ms", "retries": 0},)


@pytest.fixture(scope="module")
def one_lane(
    tmp_path_factory: pytest.TempPathFactory, stub_settings: Mapping[str, str], upstream_process: Upstream
) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("waiting")
    settings = {
        **stub_settings,
        "CONFIG_DIR": str(write_catalogue(folder, agents=AGENTS)),
        "MAX_CONCURRENT_AGENTS": "1",
    }
    with Server(folder, settings=settings) as server, server.client() as client:
        yield client


def test_p27_the_wait_is_in_the_answer_and_in_a_histogram(one_lane: httpx.Client) -> None:
    """Of two at once the second waits for the first: as long as a run takes, in its own answer and in the sum of all.

    It is no part of what Bullpen is said to add.
    """
    with ThreadPoolExecutor(2) as together:
        asked = [
            together.submit(one_lane.post, "/agent/execute", json={"agent_type": "slow", "task": "Hello"}) for _ in "ab"
        ]
        answers = sorted((each.result().json() for each in asked), key=lambda each: each["queue_wait"])
    quick, waited = (each["queue_wait"] for each in answers)
    assert quick < 0.3 <= waited + 0.05
    assert waited < answers[1]["duration"]
    assert answers[1]["overhead"] < waited
    scrape = Exposition(one_lane.get("/metrics").text)
    assert scrape.value("bullpen_queue_wait_seconds_count", agent_type="slow") == 2
    assert scrape.value("bullpen_queue_wait_seconds_sum", agent_type="slow") == pytest.approx(quick + waited, abs=0.01)
