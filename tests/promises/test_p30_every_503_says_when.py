"""P30: every 503 carries Retry-After (agno's agents router)."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.stubs.serving import Server
from tests.stubs.upstream import Upstream


@contextmanager
def only_lane_taken(server: Server, upstream: Upstream) -> Iterator[None]:
    """Holds the only lane of `narrow` for the block; hanging up gives it back."""
    asked = {"agent_type": "narrow", "task": "Hold."}
    headers = {"Accept": "text/event-stream"}
    with server.client() as client, client.stream("POST", "/agent/execute", json=asked, headers=headers):
        upstream.wait()
        yield


def retry_after(response: httpx.Response) -> int:
    assert response.status_code == 503, response.text
    return int(response.headers["Retry-After"])


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_p30_a_full_pool(server: Server, upstream: Upstream, accept: str) -> None:
    """No lane within the pool's longest wait (1 s in this server): 503 that says when to come back."""
    with only_lane_taken(server, upstream), server.client() as client:
        asked = {"agent_type": "narrow", "task": "Hello"}
        response = client.post("/agent/execute", json=asked, headers={"Accept": accept})
        if response.status_code == 200:  # heartbeats came before the refusal
            assert "pool_exhausted" in response.text
            assert '"retry_after":' in response.text
        else:
            assert retry_after(response) >= 1


@pytest.mark.parametrize("agent_type", ["openai_429", "anthropic_429", "anthropic_529"])
def test_p30_a_busy_provider(server: Server, agent_type: str) -> None:
    """The provider's own Retry-After is passed on."""
    with server.client() as client:
        response = client.post("/agent/execute", json={"agent_type": agent_type, "task": "Hello"})
    assert retry_after(response) == 7
    assert response.json()["retry_after"] == 7
