"""P26: `/metrics` is one truth over all workers, and nobody can make it grow (litellm #10595, #12159, PR #39136)."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.stubs.catalogue import write_catalogue
from tests.stubs.exposition import Exposition
from tests.stubs.serving import Server
from tests.stubs.upstream import Upstream
from tests.stubs.workers import logged, until, workers_of

RUNS = 200
TOGETHER = 8
COUNTED = "bullpen_agent_requests_total"


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory, stub_settings: dict[str, str]) -> Iterator[Server]:
    """A server of two workers."""
    folder: Path = tmp_path_factory.mktemp("crowd")
    settings = {**stub_settings, "CONFIG_DIR": str(write_catalogue(folder)), "MAX_CONCURRENT_AGENTS": "7"}
    with Server(folder, settings=settings, arguments=["--workers", "2"]) as server:
        until(lambda: len(logged(server, "serving")) == 2)
        yield server


def asked(server: Server, method: str, path: str, **options: object) -> httpx.Response:
    """An answer on a connection of its own, from whichever worker takes it."""
    with server.client(headers={"Connection": "close"}) as client:
        return client.request(method, path, **options)  # type: ignore[arg-type]  # handed through


def scraped(server: Server) -> Exposition:
    answer = asked(server, "GET", "/metrics")
    assert answer.status_code == 200
    return Exposition(answer.text)


def run(server: Server, task: str = "Hello", agent_type: str = "openai_stub") -> int:
    return asked(server, "POST", "/agent/execute", json={"agent_type": agent_type, "task": task}).status_code


def test_p26_every_scrape_is_the_sum(crowd: Server, upstream: Upstream) -> None:
    """200 runs over 200 connections, spread over two workers: every scrape counts all, whoever answers it."""
    with ThreadPoolExecutor(TOGETHER) as threads:
        assert set(threads.map(lambda _: run(crowd), range(RUNS))) == {200}
        stats = threads.map(lambda _: asked(crowd, "GET", "/pool/stats").json(), range(RUNS))
        tasks = {each["worker"]: each["total_tasks_processed"] for each in stats}
        scrapes = list(threads.map(lambda _: scraped(crowd), range(TOGETHER)))
    assert tasks.keys() == {1, 2}
    assert sum(tasks.values()) == RUNS
    assert {scrape.value(COUNTED, status="success") for scrape in scrapes} == {RUNS}
    assert {scrape.value("bullpen_queue_wait_seconds_count") for scrape in scrapes} == {RUNS}
    assert {scrape.value("bullpen_pool_size") for scrape in scrapes} == {14}
    assert {scrape.value("bullpen_build_info") for scrape in scrapes} == {1}
    assert min(scrape.value("bullpen_credential_age_seconds", kind="api_key") for scrape in scrapes) > 0


def test_p26_junk_makes_no_series(crowd: Server, upstream: Upstream) -> None:
    """Names a caller makes up, as agent types or as paths, add nothing once such a refusal was counted."""

    def junk(name: str) -> None:
        assert run(crowd, agent_type=name) == 404
        assert asked(crowd, "GET", f"/{name}").status_code == 404
        assert asked(crowd, "POST", f"/agents/{name}").status_code in {404, 405}

    with ThreadPoolExecutor(TOGETHER) as threads:
        list(threads.map(junk, (f"first-{number}" for number in range(TOGETHER))))
        before = set(scraped(crowd).counters)
        list(threads.map(junk, (f"second-{number}" for number in range(TOGETHER))))
    assert set(scraped(crowd).counters) == before


def test_p26_a_dead_worker_takes_nothing_with_it(crowd: Server, upstream: Upstream) -> None:
    """After kill -9 of one worker no counter goes back, and its successor goes on; what it held is not counted."""
    before = scraped(crowd).counters
    starts = len(logged(crowd, "serving"))
    workers_of(crowd)[0].send_signal(signal.SIGKILL)
    until(lambda: len(logged(crowd, "serving")) == starts + 1)
    assert run(crowd) == 200
    scrape = scraped(crowd)
    after = scrape.counters
    assert {series for series, value in before.items() if after[series] < value} == set()
    assert after.keys() >= before.keys()
    assert sum(v for (name, _), v in after.items() if name == COUNTED) == 1 + sum(
        v for (name, _), v in before.items() if name == COUNTED
    )
    assert scrape.value("bullpen_pool_size") == 14
