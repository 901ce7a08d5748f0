"""P07: one synchronous call does not freeze every user (agno #9091, xagent #427)."""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import httpx

from tests.stubs.exposition import Exposition
from tests.stubs.serving import Server
from tests.stubs.upstream import Upstream

BOUND: Final = 0.05
LAG: Final = "bullpen_event_loop_lag_seconds"
ASKED: Final = {"agent_type": "blocking", "task": "Block."}
ASKED_LONG: Final = {"agent_type": "blocking_long", "task": "Block."}


def share_on_time(server: Server, upstream: Upstream) -> float:
    """The share of the event loop's timers that were at most 50 ms late while four tools slept 5 s each."""
    upstream.reset()
    with server.client() as client, ThreadPoolExecutor(4) as threads:
        before = _lag(client)
        running = [threads.submit(client.post, "/agent/execute", json=ASKED_LONG) for _ in range(4)]
        answers = [each.result() for each in running]
        after = _lag(client)
    assert ["blocked" in answer.text for answer in answers] == [True] * 4
    total = after.value(f"{LAG}_count") - before.value(f"{LAG}_count")
    assert total >= 20, "the lag must have been measured while the tools slept"
    return (after.value(f"{LAG}_bucket", le=str(BOUND)) - before.value(f"{LAG}_bucket", le=str(BOUND))) / total


def test_p07_the_event_loop_runs_on(server: Server, upstream: Upstream) -> None:
    """p99 of the lag is under 50 ms with blocking tools running; the best of three tries, as the machine is shared."""
    assert any(share_on_time(server, upstream) >= 0.99 for _ in range(3))


def test_p07_a_figure_shows_it(server: Server) -> None:
    """The lag of the last minute, at worst and in all but one of a hundred cases, is there for everybody to read."""
    told = httpx.get(f"{server.url}/health").json()["event_loop"]
    assert 0 <= told["lag_p99_ms"] <= told["lag_max_ms"] < 60_000


def test_p07_others_are_served_meanwhile(server: Server, upstream: Upstream) -> None:
    """While a tool sleeps 1.5 s, another caller gets an answer."""
    with server.client() as client, ThreadPoolExecutor(1) as threads:
        blocked = threads.submit(client.post, "/agent/execute", json=ASKED)
        upstream.wait(stage="ended")
        answer = client.post("/agent/execute", json={"agent_type": "general", "task": "Hello"})
        assert answer.status_code == 200
        assert not blocked.done()
        assert blocked.result().status_code == 200


def test_p07_blocking_tools_run_side_by_side(server: Server) -> None:
    """Twelve tools that sleep 1.5 s each do not wait for one another in a short row of threads (trap T15)."""
    with server.client() as client, ThreadPoolExecutor(12) as threads:
        running = [threads.submit(client.post, "/agent/execute", json=ASKED) for _ in range(12)]
        durations = [each.result().json()["duration"] for each in running]
    assert max(durations) < 3


def _lag(client: httpx.Client) -> Exposition:
    return Exposition(client.get("/metrics").text)
