"""`POST /agent/execute`: one task, one answer."""

from typing import Any

import httpx
import pytest

from tests.stubs.behaviour import ANSWER, INPUT_TOKENS, OUTPUT_TOKENS
from tests.stubs.upstream import Upstream

MEMBERS = {
    "success": bool,
    "result": str,
    "duration": float,
    "agent_name": str,
    "agent_type": str,
    "model": str,
    "run_id": str,
    "session_id": str,
    "usage": dict,
    "cache": type(None),
    "queue_wait": float,
    "overhead": float,
}


def execute(client: httpx.Client, agent_type: str, task: str = "Say something.", **more: Any) -> dict[str, Any]:
    response = client.post("/agent/execute", json={"agent_type": agent_type, "task": task, **more})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_the_answer_has_every_member(client: httpx.Client, provider: str) -> None:
    """An answer has exactly the members users rely on, each of its type, whichever provider answered."""
    answer = execute(client, f"{provider}_stub")
    assert {name: type(value) for name, value in answer.items()} == MEMBERS
    assert answer["success"] is True
    assert answer["result"] == ANSWER
    assert answer["agent_type"] == f"{provider}_stub"
    assert answer["agent_name"].rpartition("_")[0] == f"{provider}_stub"
    assert answer["model"] == "stub"
    assert answer["duration"] >= answer["queue_wait"] + answer["overhead"]


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_usage_is_the_providers(client: httpx.Client, provider: str) -> None:
    """Tokens are the ones the provider reported."""
    usage = execute(client, f"{provider}_stub")["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (INPUT_TOKENS, OUTPUT_TOKENS)
    assert usage["cost_usd"] == 0


def test_a_model_with_a_price_costs_money(client: httpx.Client) -> None:
    """The cost of a known model is its price times its tokens, to the micro-dollar."""
    cost = execute(client, "priced")["usage"]["cost_usd"]
    assert cost > 0
    assert round(cost * 1_000_000, 3) == int(round(cost * 1_000_000, 3))


def test_usage_adds_up_over_the_turns_of_a_tool_loop(client: httpx.Client) -> None:
    """A run that calls a tool asks the model twice, and is charged for both."""
    usage = execute(client, "adding")["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (2 * INPUT_TOKENS, 2 * OUTPUT_TOKENS)


@pytest.mark.parametrize("agent_type", ["adding", "adding_anthropic"])
def test_tools_are_called(client: httpx.Client, agent_type: str) -> None:
    """The model's tool call is carried out, and its result goes back to the model."""
    result = execute(client, agent_type)["result"]
    assert result.startswith("The tool said: ")
    assert '"result": 2' in result


def test_every_run_has_ids_of_its_own(client: httpx.Client) -> None:
    """Two requests share neither run nor session (trap T4)."""
    first, second = execute(client, "general"), execute(client, "general")
    assert first["run_id"] != second["run_id"]
    assert first["session_id"] != second["session_id"]


def test_requests_do_not_see_one_another(client: httpx.Client) -> None:
    """A second task comes to the model without the first: nothing is remembered between requests."""
    results = {execute(client, "openai_echo", f"Task {number}")["result"] for number in range(3)}
    assert len({result.partition(";")[0] for result in results}) == 1


def test_context_reaches_the_model(client: httpx.Client, upstream: Upstream) -> None:
    """What is sent as `context` is shown to the model."""
    execute(client, "general", context={"customer": "Hypatia of Alexandria"})
    assert "Hypatia of Alexandria" in str(upstream.calls()[-1].body["messages"])


def test_the_catalogue_s_settings_reach_the_model(client: httpx.Client, upstream: Upstream) -> None:
    """Temperature, token limit, instructions and the provider's key go with the call; the defaults are the house's."""
    execute(client, "general")
    call = upstream.calls()[-1]
    assert call.body["temperature"] == 0.1
    assert 2048 in (call.body.get("max_tokens"), call.body.get("max_completion_tokens"))
    assert "Answer briefly." in str(call.body["messages"])
    assert call.headers["authorization"] == "Bearer openai-key-for-tests"


def test_a_users_own_agent_answers(client: httpx.Client, upstream: Upstream) -> None:
    """An agent written in Python answers through the same door, with its own model at the configured address."""
    answer = execute(client, "own_agent", "Hello, own agent.")
    assert answer["result"].endswith("last: Hello, own agent.")
    assert answer["usage"]["output_tokens"] == OUTPUT_TOKENS


@pytest.mark.parametrize("priority", [1, 5])
def test_priorities_at_the_ends_are_accepted(client: httpx.Client, priority: int) -> None:
    """1 to 5 are priorities."""
    assert execute(client, "general", priority=priority)["success"] is True


def test_a_request_id_is_kept(client: httpx.Client) -> None:
    """A caller's `X-Request-ID` comes back, in the header and in an error's body."""
    asked = {"agent_type": "nobody", "task": "Hello"}
    response = client.post("/agent/execute", json=asked, headers={"X-Request-ID": "mine-42"})
    assert response.headers["X-Request-ID"] == response.json()["request_id"] == "mine-42"


@pytest.mark.parametrize("given", [None, "has spaces", "x" * 300])
def test_a_request_id_is_made(client: httpx.Client, given: str | None) -> None:
    """Without one, or with one that could upset a log, the server makes an id."""
    response = client.get("/health", headers={"X-Request-ID": given} if given else {})
    assert response.headers["X-Request-ID"]
    assert response.headers["X-Request-ID"] != given
