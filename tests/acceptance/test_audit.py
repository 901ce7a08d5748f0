"""The audit trail of a real server."""

import socket
from typing import Any

import httpx
import orjson
import pytest

from tests.stubs.behaviour import ANSWER, SECRET
from tests.stubs.events import events_of
from tests.stubs.people import Row, rows_of
from tests.stubs.serving import Server
from tests.stubs.upstream import Upstream

TASK = "Whisper the canary 7f3a"
EVENTS = "text/event-stream"
RUN = "agent_execution"


def test_what_was_just_done_is_in_the_log(client: httpx.Client) -> None:
    """With who, from where and how it ended, and without a word of the task."""
    request_id = client.post("/agent/execute", json={"agent_type": "general", "task": TASK}).headers["X-Request-ID"]
    answer = client.get("/audit/log", params={"event_type": "agent_execution"})
    row = next(row for row in answer.json()["audit_log"] if row["request_id"] == request_id)
    assert (row["user_id"], row["outcome"], row["ip_address"]) == ("admin", "success", "127.0.0.1")
    assert row["details"]["task_length"] == len(TASK)
    assert row["credential"].startswith("api_key:")
    assert "canary" not in answer.text


def test_users_see_their_own(server: Server, client: httpx.Client) -> None:
    """Whomever they ask for; the chain as a whole is not theirs to verify."""
    key = server.bullpen("keys", "create", "reader", "--user", "rita").stdout.split()[-1]
    with server.client(key=key) as rita:
        rita.get("/agents")
        rows = rita.get("/audit/log", params={"user_id": "admin"}).json()["audit_log"]
        refused = rita.get("/audit/verify")
    assert {row["user_id"] for row in rows} == {"rita"}
    assert refused.status_code == 403
    denied = client.get("/audit/log", params={"event_type": "authorization_denied", "user_id": "rita"}).json()
    assert denied["audit_log"][0]["request_id"] == refused.headers["X-Request-ID"]


def test_the_chain_verifies_over_http_and_by_the_command(server: Server, client: httpx.Client) -> None:
    """The same trail, from both doors."""
    found = client.get("/audit/verify").json()
    assert found["intact"], found
    done = server.bullpen("audit", "verify", "--tenant", "default")
    assert done.returncode == 0, done.stdout
    assert "default: whole" in done.stdout


def asking(agent_type: str, **more: Any) -> dict[str, Any]:
    return {"agent_type": agent_type, "task": TASK, **more}


def runs(client: httpx.Client, request: httpx.Response | str) -> list[Row]:
    """What is on record of the runs of a request; and nothing of it has a word of the task, or of an answer."""
    rows = rows_of(client, request, RUN)
    written = orjson.dumps(rows).decode()
    assert [word for word in ("canary", ANSWER, SECRET) if word in written] == []
    return [row for row in rows if row["event_type"] == RUN]


@pytest.mark.parametrize("accept", ["application/json", EVENTS])
@pytest.mark.parametrize(
    ("agent_type", "more", "error"),
    [
        ("openai_echo", {}, None),
        ("openai_500", {}, "model_unavailable"),
        ("openai_garbage", {}, "model_nonsense"),
        ("openai_error_midstream", {}, "model_unavailable"),
        ("openai_stall", {"timeout": 0.3}, "deadline_exceeded"),
        ("misjudging", {}, "result_mismatch"),
    ],
)
def test_a_run_is_on_record_however_it_ends(
    client: httpx.Client, accept: str, agent_type: str, more: dict[str, Any], error: str | None
) -> None:
    """Whole or as events, once: who ran what, how long the task was, how it ended, and of a failure its kind."""
    answer = client.post("/agent/execute", json=asking(agent_type, **more), headers={"Accept": accept})
    [row] = runs(client, answer)
    told = row["details"]
    assert (row["user_id"], row["route"]) == ("admin", "/agent/execute")
    assert (told["agent_type"], told["task_length"]) == (agent_type, len(TASK))
    assert (row["outcome"], told.get("error")) == (("error", error) if error else ("success", None))


def test_every_run_of_a_batch_is_on_record(client: httpx.Client) -> None:
    """Those that succeed and those that fail; what was no request has run nothing."""
    items = [asking("openai_echo"), asking("openai_500"), asking("general"), {"agent_type": "general"}]
    rows = runs(client, client.post("/agent/batch", json={"requests": items}))
    assert sorted((row["details"]["agent_type"], row["outcome"]) for row in rows) == [
        ("general", "success"),
        ("openai_500", "error"),
        ("openai_echo", "success"),
    ]
    assert {row["route"] for row in rows} == {"/agent/batch"}


@pytest.mark.parametrize("path", ["/agent/execute", "/agent/batch"])
@pytest.mark.parametrize("accept", ["application/json", EVENTS])
def test_a_run_whose_caller_hangs_up_is_on_record(
    server: Server, client: httpx.Client, upstream: Upstream, path: str, accept: str
) -> None:
    """Nobody reads the answer, and the trail has the run all the same."""
    request_id = f"hung-up-{path[7:]}-{accept[-4:]}"
    asked = asking("openai_stall")
    body = orjson.dumps(asked if path == "/agent/execute" else {"requests": [asked]})
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {server.api_key}\r\nX-Request-ID: {request_id}\r\n"
        f"Accept: {accept}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head.encode() + body)
        upstream.wait()
    [row] = runs(client, request_id)
    assert (row["user_id"], row["outcome"], row["details"]["error"]) == ("admin", "error", "cancelled")


def test_a_stream_that_is_left_in_the_middle_is_on_record(client: httpx.Client) -> None:
    """As cancelled."""
    asked = asking("openai_stall_midstream")
    with client.stream("POST", "/agent/execute", json=asked, headers={"Accept": EVENTS}) as answer:
        events = events_of(answer)
        assert [next(events).name for _ in range(2)] == ["start", "delta"]
    [row] = runs(client, answer)
    assert (row["outcome"], row["details"]["error"]) == ("error", "cancelled")
