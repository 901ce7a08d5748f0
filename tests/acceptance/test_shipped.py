"""What comes in the box: the shipped catalogue, and the offline model that needs nothing."""

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import httpx
import pytest

from tests.stubs.events import events_of
from tests.stubs.serving import PROJECT, Server, bullpen

QUESTION = "What is 17 * 23?"
SHIPPED = {
    "general",
    "coder",
    "analyst",
    "writer",
    "data_collector",
    "data_analyzer",
    "report_writer",
    "quality_reviewer",
    "structured_analyst",
}


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server with nothing configured but limits that a suite does not reach."""
    folder = tmp_path_factory.mktemp("offline")
    config = Path(copytree(PROJECT / "config", folder / "config"))
    (config / "limits.yaml").write_text("levels: {}\n")
    with Server(folder, settings={"CONFIG_DIR": str(config)}) as server, server.client() as client:
        yield client


def test_the_offline_model_answers(offline: httpx.Client) -> None:
    """With no key at all a calculation is right, and the answer says which model gave it."""
    answer = offline.post("/agent/execute", json={"agent_type": "general", "task": QUESTION}).json()
    assert answer["success"] is True
    assert "391" in answer["result"]
    assert "offline" in answer["result"].lower()
    assert "offline" in answer["model"]
    assert answer["usage"]["input_tokens"] > 0
    assert answer["usage"]["output_tokens"] > 0
    assert answer["usage"]["cost_usd"] == 0


def test_the_offline_model_calls_the_calculator(offline: httpx.Client) -> None:
    """The product comes from the tool: the stream shows it being called."""
    asked = {"agent_type": "general", "task": QUESTION}
    headers = {"Accept": "text/event-stream"}
    with offline.stream("POST", "/agent/execute", json=asked, headers=headers) as response:
        events = list(events_of(response))
    steps = [(event.data["tool"], event.data["status"]) for event in events if event.name == "tool"]
    assert steps == [("multiply", "started"), ("multiply", "completed")]
    assert "391" in events[-1].data["result"]


@pytest.mark.parametrize("agent_type", sorted(SHIPPED))
def test_every_shipped_agent_answers(offline: httpx.Client, agent_type: str) -> None:
    """Each agent of the shipped catalogue works out of the box; one with a schema answers an object or an error."""
    response = offline.post("/agent/execute", json={"agent_type": agent_type, "task": "Say hello."})
    if agent_type == "structured_analyst":
        assert response.status_code == 502 or isinstance(response.json()["result"], dict)
    else:
        assert response.status_code == 200, response.text


def test_the_shipped_catalogue_is_whole(offline: httpx.Client) -> None:
    """The agent types of both seeds are there, with their bounds."""
    agents = {agent["type"]: agent for agent in offline.get("/agents").json()["agents"]}
    assert agents.keys() >= SHIPPED
    bounds = {"data_collector": 5, "data_analyzer": 3, "report_writer": 2, "quality_reviewer": 4}
    assert {name: agents[name]["max_concurrent"] for name in bounds} == bounds


def test_the_shipped_tools_cannot_touch_the_machine() -> None:
    """No shell, file or Python tool is offered by default."""
    allowed = (PROJECT / "config" / "tools.yaml").read_text()
    offered = [line for line in allowed.splitlines() if not line.lstrip().startswith("#")]
    assert not [line for line in offered if any(word in line.lower() for word in ("shell", "file", "python"))]


def test_the_structured_analyst_answers_an_object(
    tmp_path_factory: pytest.TempPathFactory, stub_settings: dict[str, str]
) -> None:
    """With a model that keeps to the schema, the analysis has every field, and confidence within [0, 1]."""
    settings = {**stub_settings, "MODEL_NAME": "openai:stub-schema"}
    with Server(tmp_path_factory.mktemp("structured"), settings=settings) as server, server.client() as client:
        response = client.post("/agent/execute", json={"agent_type": "structured_analyst", "task": "Analyse ACME."})
    assert response.status_code == 200, response.text
    analysis = response.json()["result"]
    members = ("company_name", "market_cap", "key_metrics", "risk_factors", "recommendation", "analysis_date")
    assert [name for name in members if name not in analysis] == []
    assert 0 <= analysis["confidence_score"] <= 1


def test_one_question_on_the_command_line(tmp_path_factory: pytest.TempPathFactory) -> None:
    """`bullpen run` answers without a server, through the same story."""
    done = bullpen("run", "general", QUESTION, folder=tmp_path_factory.mktemp("run"), settings={})
    assert done.returncode == 0, done.stdout
    assert "391" in done.stdout


def test_the_agents_on_the_command_line(tmp_path_factory: pytest.TempPathFactory) -> None:
    """`bullpen agents list` names them all, and `check` finds them in order."""
    folder = tmp_path_factory.mktemp("agents")
    listed = bullpen("agents", "list", folder=folder, settings={})
    assert [name for name in SHIPPED if name not in listed.stdout] == []
    assert bullpen("agents", "check", folder=folder, settings={}).returncode == 0
