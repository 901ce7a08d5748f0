"""What an operator looks at: health, the pool's figures, the metrics, the contract, and the catalogue's list."""

import httpx
import pytest

from tests.stubs.exposition import Exposition
from tests.stubs.serving import Server

METRICS = {
    "agent_requests_total",
    "agent_request_duration_seconds",
    "active_agents",
    "pool_size",
    "pool_utilization_percent",
    "task_queue_size",
    "task_processing_time_seconds",
    "memory_usage_bytes",
    "cpu_usage_percent",
    "errors_total",
    "successful_completions_total",
    "api_cost_dollars_total",
    "output_quality_score",
    "model_calls_total",
    "tokens_used_total",
    "http_requests_total",
    "http_request_duration_seconds",
    "queue_wait_seconds",
    "gateway_overhead_seconds",
    "event_loop_lag_seconds",
    "tool_calls_total",
    "dependency_up",
    "build_info",
}
FIGURES = {
    "total_agents": int,
    "max_pool_size": int,
    "pool_utilization": float,
    "agent_types": dict,
    "total_agents_created": int,
    "total_tasks_processed": int,
    "avg_task_duration": float,
    "pool_hit_rate": float,
}


def scrape(client: httpx.Client) -> Exposition:
    return Exposition(client.get("/metrics").raise_for_status().text)


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/ready"])
def test_health(client: httpx.Client, path: str) -> None:
    """A healthy server says so in JSON."""
    response = client.get(path)
    assert response.status_code == 200
    assert response.json()["status"] == "ok"


def test_the_pools_figures_have_the_seeds_names(client: httpx.Client) -> None:
    """Every name users know is there, whole and by agent type."""
    client.post("/agent/execute", json={"agent_type": "general", "task": "Hello"})
    figures = client.get("/pool/stats").json()
    assert {name: type(figures[name]) for name in FIGURES} == FIGURES
    general = figures["agent_types"]["general"]
    assert {"count", "active", "total_tasks"} <= general.keys()
    assert general["total_tasks"] >= 1
    assert figures["max_pool_size"] == 20
    assert 0 <= figures["pool_hit_rate"] <= 1


def test_the_pool_counts_what_it_does(client: httpx.Client) -> None:
    """Each run is one processed task, and leaves nothing active."""
    before = client.get("/pool/stats").json()
    for _ in range(3):
        client.post("/agent/execute", json={"agent_type": "general", "task": "Hello"})
    after = client.get("/pool/stats").json()
    assert after["total_tasks_processed"] - before["total_tasks_processed"] == 3
    assert after["agent_types"]["general"]["active"] == 0
    assert after["avg_task_duration"] > 0


def test_the_metrics_have_the_seeds_names(client: httpx.Client) -> None:
    """Everything of the table that this version measures is exported, with our prefix."""
    assert {f"bullpen_{name}" for name in METRICS} - scrape(client).names == set()


def test_a_run_is_measured(client: httpx.Client) -> None:
    """A success and a failure are each counted once, with tokens and the route."""
    before = scrape(client)
    client.post("/agent/execute", json={"agent_type": "general", "task": "Hello"})
    client.post("/agent/execute", json={"agent_type": "openai_500", "task": "Hello"})
    after = scrape(client)

    def grown(name: str, **labels: str) -> float:
        return after.value(f"bullpen_{name}", **labels) - before.value(f"bullpen_{name}", **labels)

    assert grown("agent_requests_total", agent_type="general", status="success") == 1
    assert grown("agent_requests_total", agent_type="openai_500", status="error") == 1
    assert grown("successful_completions_total", agent_type="general") == 1
    assert grown("errors_total", agent_type="openai_500", error_type="model_unavailable") == 1
    assert grown("tokens_used_total", type="input") == 20
    assert grown("model_calls_total", provider="openai") == 2
    assert grown("http_requests_total", route="/agent/execute", method="POST", status="200") == 1
    assert grown("http_requests_total", route="/agent/execute", method="POST", status="502") == 1
    assert grown("gateway_overhead_seconds_count") == 1


def test_what_callers_send_makes_no_series(client: httpx.Client) -> None:
    """Junk paths, methods and agent types do not grow the metrics."""
    for number in range(3):
        client.get(f"/junk/{number}")
        client.post("/agent/execute", json={"agent_type": f"junk_{number}", "task": "Hello"})
    assert "junk" not in client.get("/metrics").text


@pytest.mark.parametrize(("method", "status", "counted"), [("PROPFIND", 405, 1), ("INVENTED", 400, 0)])
def test_a_strange_method_makes_no_series(client: httpx.Client, method: str, status: int, counted: int) -> None:
    """One that others speak counts as `other`; one made up is not HTTP, and no request."""
    before = scrape(client).value("bullpen_http_requests_total", method="other")
    assert client.request(method, "/agents").status_code == status
    after = scrape(client)
    assert after.value("bullpen_http_requests_total", method=method) == 0
    assert after.value("bullpen_http_requests_total", method="other") == before + counted


def test_the_list_of_agents(client: httpx.Client) -> None:
    """An agent is listed with what a caller must know."""
    agents = {agent["type"]: agent for agent in client.get("/agents").json()["agents"]}
    assert agents["general"]["description"] == "Answers anything"
    assert agents["adding"]["tools"] == ["calculator"]
    assert agents["judging"]["output_schema"]["required"] == ["verdict", "confidence"]
    assert agents["narrow"]["max_concurrent"] == 1
    assert client.get("/agents/general").json() == agents["general"]


def test_instructions_are_not_shown(client: httpx.Client) -> None:
    """What the model is told stays inside."""
    assert "Answer briefly." not in client.get("/agents").text


def test_the_contract(client: httpx.Client) -> None:
    """`/openapi.json` has every route, every error of a run, and examples."""
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    paths = {"/agent/execute", "/agent/batch", "/agents", "/agents/{agent_type}", "/pool/stats", "/metrics", "/ready"}
    assert paths <= document["paths"].keys()
    execute = document["paths"]["/agent/execute"]["post"]
    assert {"200", "400", "401", "403", "404", "413", "415", "422", "502", "503", "504"} <= execute["responses"].keys()
    assert "example" in str(execute["requestBody"])
    assert "X-API-Key" in str(document["components"]["securitySchemes"])


def test_answers_are_hardened(client: httpx.Client) -> None:
    """Every answer carries headers that keep a browser from misusing it, errors too."""
    for path in ("/health", "/agents", "/nowhere"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert "server" not in headers


def test_logs_are_json_with_the_requests_id(client: httpx.Client, server: Server) -> None:
    """Every line of the log is one JSON object; a run's lines carry the id of its request."""
    asked = {"agent_type": "general", "task": "a task nobody should log"}
    client.post("/agent/execute", json=asked, headers={"X-Request-ID": "find-me-in-the-log"})
    lines = [line for line in server.output().splitlines() if "find-me-in-the-log" in line]
    assert lines
    assert all(line.startswith("{") for line in lines)
    assert "a task nobody should log" not in server.output()
