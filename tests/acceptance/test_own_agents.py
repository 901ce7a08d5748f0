"""What a user's own agents, teams and workflows answer over HTTP."""

import httpx
import pytest

from tests.stubs.behaviour import ANSWER, SECRET
from tests.stubs.events import events_of
from tests.stubs.upstream import Upstream


@pytest.mark.parametrize(("agent_type", "side", "calls"), [("polite", "input", 0), ("discreet", "output", 1)])
def test_a_guardrail_that_refuses_is_the_callers_to_mend(
    client: httpx.Client, upstream: Upstream, agent_type: str, side: str, calls: int
) -> None:
    """422 in our words; before the model was asked when it is about the input."""
    response = client.post("/agent/execute", json={"agent_type": agent_type, "task": "SHOUTED"})
    assert response.status_code == 422
    problem = response.json()
    assert problem["type"] == "urn:bullpen:error:guardrail_refused"
    assert problem["detail"] == f"A guardrail of the agent `{agent_type}` refused the {side}. Change the task."
    assert problem["success"] is False
    assert SECRET not in response.text
    assert len(upstream.calls()) == calls


def test_a_guardrail_that_does_not_mind_is_not_noticed(client: httpx.Client) -> None:
    """A task that passes is answered."""
    assert client.post("/agent/execute", json={"agent_type": "polite", "task": "Said"}).json()["result"] == ANSWER


@pytest.mark.parametrize("stream", [False, True])
def test_a_workflow_of_several_steps_answers(client: httpx.Client, *, stream: bool) -> None:
    """Streamed as well, with a model that takes its time: Agno calls steps cancelled that it left early."""
    headers = {"Accept": "text/event-stream"} if stream else {}
    response = client.post("/agent/execute", json={"agent_type": "relay", "task": "Go."}, headers=headers)
    answer = list(events_of(response))[-1].data if stream else response.json()
    assert answer["result"] == ANSWER
