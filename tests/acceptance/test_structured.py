"""Results with a shape: an object that fits its schema, or an error; never a string that looks like success."""

import httpx
import pytest

from tests.stubs.behaviour import SECRET
from tests.stubs.events import events_of

ASKED = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer", "minimum": 1}},
    "required": ["city", "people"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("agent_type", ["judging", "judging_anthropic"])
def test_the_agents_schema(client: httpx.Client, agent_type: str) -> None:
    """An agent with a schema answers an object that fits it."""
    result = client.post("/agent/execute", json={"agent_type": agent_type, "task": "Judge."}).json()["result"]
    assert result["verdict"] == "text"
    assert 0 <= result["confidence"] <= 1


@pytest.mark.parametrize("agent_type", ["openai_schema", "anthropic_schema", "judging"])
def test_the_requests_schema(client: httpx.Client, agent_type: str) -> None:
    """A request may bring its own schema, which replaces the agent's."""
    body = {"agent_type": agent_type, "task": "Where?", "output_schema": ASKED}
    answer = client.post("/agent/execute", json=body).json()
    assert answer["result"] == {"city": "text", "people": 1}


def test_a_requests_schema_is_forgotten(client: httpx.Client) -> None:
    """The next request to the same agent is not held to it."""
    client.post("/agent/execute", json={"agent_type": "openai_schema", "task": "Where?", "output_schema": ASKED})
    answer = client.post("/agent/execute", json={"agent_type": "openai_schema", "task": "Where?"}).json()
    assert isinstance(answer["result"], str)


@pytest.mark.parametrize("agent_type", ["misjudging", "rambling"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_result_that_does_not_fit(client: httpx.Client, agent_type: str, *, stream: bool) -> None:
    """JSON that does not fit, and prose where JSON was asked for, are errors (trap T14)."""
    headers = {"Accept": "text/event-stream"} if stream else {}
    response = client.post("/agent/execute", json={"agent_type": agent_type, "task": "Judge."}, headers=headers)
    assert "result_mismatch" in response.text
    assert "event: done" not in response.text
    if not stream:
        assert response.status_code == 502
        assert response.json()["success"] is False
        assert SECRET not in response.text


def test_a_streamed_object(client: httpx.Client) -> None:
    """A stream's `done` has the object too."""
    asked = {"agent_type": "judging", "task": "Judge."}
    headers = {"Accept": "text/event-stream"}
    with client.stream("POST", "/agent/execute", json=asked, headers=headers) as response:
        last = list(events_of(response))[-1]
    assert last.name == "done"
    assert last.data["result"] == {"verdict": "text", "confidence": 0}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://example.invalid/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"type": "object", "required": "city"},
        {"type": "string", "pattern": "("},
    ],
    ids=str,
)
def test_a_schema_that_is_none(client: httpx.Client, schema: dict[str, object]) -> None:
    """A schema that is wrong, or leads anywhere else, is refused before the model is asked."""
    response = client.post("/agent/execute", json={"agent_type": "general", "task": "x", "output_schema": schema})
    assert response.status_code == 422, response.text
    assert response.json()["fields"][0]["path"].startswith("output_schema")
