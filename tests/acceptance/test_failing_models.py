"""What a caller is told when the model provider fails: our kind of error, and never the provider's own words."""

import json

import httpx
import pytest

from tests.stubs.behaviour import SECRET
from tests.stubs.serving import Server
from tests.stubs.upstream import Upstream

FAILURES = {
    "400": (502, "model_rejected"),
    "401": (502, "model_credentials"),
    "429": (503, "model_busy"),
    "500": (502, "model_unavailable"),
    "529": (503, "model_busy"),
    "hangup": (502, "model_unavailable"),
    "nonsense": (502, "model_nonsense"),
    "garbage": (502, "model_nonsense"),
    "empty": (502, "model_nonsense"),
}
MIDSTREAM = FAILURES | {"error_midstream": (502, "model_unavailable")}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_failing_model(client: httpx.Client, upstream: Upstream, provider: str, failure: str) -> None:
    """502 or 503 with our kind, after exactly one call (retries are 0, and nobody else retries: trap T10)."""
    status, kind = FAILURES[failure]
    response = client.post("/agent/execute", json={"agent_type": f"{provider}_{failure}", "task": "Hello"})
    assert response.status_code == status, response.text
    assert response.json()["type"].endswith(f":{kind}")
    assert response.json()["success"] is False
    assert SECRET not in response.text
    assert len(upstream.calls()) == 1


@pytest.mark.parametrize("failure", MIDSTREAM)
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_failing_model_in_a_stream(client: httpx.Client, provider: str, failure: str) -> None:
    """The stream ends in an `error` event of our kind, or never begins; it never ends in `done` (traps T1, T13)."""
    kinds = {MIDSTREAM[failure][1], "model_busy"} if failure == "error_midstream" else {MIDSTREAM[failure][1]}
    asked = {"agent_type": f"{provider}_{failure}", "task": "Hello"}
    response = client.post("/agent/execute", json=asked, headers={"Accept": "text/event-stream"})
    assert SECRET not in response.text
    assert "event: done" not in response.text
    if response.headers["content-type"] == "application/problem+json":
        problem = response.json()
    else:
        problem = json.loads(response.text.strip().rpartition("data: ")[2])
    assert problem["success"] is False
    assert problem["type"].rpartition(":")[2] in kinds


def test_the_server_s_log_keeps_the_secret_of_nobody(client: httpx.Client, server: Server) -> None:
    """Neither the provider's keys nor ours are ever logged."""
    client.post("/agent/execute", json={"agent_type": "openai_401", "task": "Hello"})
    output = server.output()
    assert "openai-key-for-tests" not in output
    assert server.api_key not in output
