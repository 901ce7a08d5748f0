"""Every row of the table of bad input: what is sent, and what is answered."""

import json
import socket
from typing import Any

import httpx
import pytest

from tests.stubs.serving import Server
from tests.stubs.upstream import Upstream

MIB = 1024 * 1024
GOOD = {"agent_type": "general", "task": "Say something."}


def check_problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """A run's error is a problem (RFC 9457) and has the members its clients look for."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["type"]
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == response.headers["X-Request-ID"]
    assert problem["success"] is False
    assert problem["error"]
    assert problem["duration"] >= 0
    return problem


def test_an_unknown_agent(client: httpx.Client) -> None:
    """404, naming the agents the caller may use."""
    problem = check_problem(client.post("/agent/execute", json=GOOD | {"agent_type": "nobody"}), 404)
    assert "general" in problem["detail"]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"task": ""}, "task"),
        ({"task": " \n\t"}, "task"),
        ({"task": 7}, "task"),
        ({"task": None}, "task"),
        ({"agent_type": ""}, "agent_type"),
        ({"agent_type": ["general"]}, "agent_type"),
        ({"surprise": 1}, "surprise"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": "soon"}, "timeout"),
        ({"priority": 0}, "priority"),
        ({"priority": 6}, "priority"),
        ({"priority": 2.5}, "priority"),
        ({"context": "text"}, "context"),
        ({"output_schema": {"type": "no such type"}}, "output_schema"),
        ({"session_id": "ses_1"}, "session_id"),
        ({"cache": True}, "cache"),
    ],
    ids=str,
)
def test_a_wrong_field(client: httpx.Client, upstream: Upstream, change: dict[str, Any], path: str) -> None:
    """422 with the field's path, and no model is called."""
    problem = check_problem(client.post("/agent/execute", json=GOOD | change), 422)
    assert [field["path"].split(".")[0] for field in problem["fields"]] == [path]
    assert upstream.calls() == []


def test_every_wrong_field_is_named(client: httpx.Client) -> None:
    """All mistakes are told at once."""
    problem = check_problem(client.post("/agent/execute", json={"task": "", "priority": 9}), 422)
    assert {field["path"] for field in problem["fields"]} == {"agent_type", "task", "priority"}


@pytest.mark.parametrize("body", [b"", b"{", b"not json", b'{"task": NaN}', b"\xff\xfe"])
def test_malformed_json(client: httpx.Client, body: bytes) -> None:
    """400."""
    check_problem(client.post("/agent/execute", content=body, headers={"Content-Type": "application/json"}), 400)


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"null"])
def test_json_that_is_not_an_object(client: httpx.Client, body: bytes) -> None:
    """422."""
    check_problem(client.post("/agent/execute", content=body, headers={"Content-Type": "application/json"}), 422)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_wrong_content_type(client: httpx.Client, kind: str) -> None:
    """415, a missing one too."""
    headers = {"Content-Type": kind} if kind else {}
    check_problem(client.post("/agent/execute", content=json.dumps(GOOD).encode(), headers=headers), 415)


def test_a_body_over_the_limit(client: httpx.Client) -> None:
    """413."""
    check_problem(client.post("/agent/execute", json=GOOD | {"task": "x" * MIB}), 413)


def test_a_body_just_under_the_limit_is_read(client: httpx.Client) -> None:
    """The limit is 1 MiB, not less."""
    room = MIB - len(json.dumps(GOOD | {"task": ""}))
    response = client.post("/agent/execute", json=GOOD | {"task": "x" * (room - 100)})
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
def test_a_body_over_the_limit_is_not_read_whole(server: Server, *, declared: bool) -> None:
    """413 comes while the body is still being sent."""
    piece = b"x" * (64 * 1024)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        length = b"Content-Length: 4194304" if declared else b"Transfer-Encoding: chunked"
        head = (
            b"POST /agent/execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-API-Key: %b\r\n%b\r\n\r\n"
        )
        connection.sendall(head % (server.api_key.encode(), length))
        for _ in range(0 if declared else 17):
            connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        assert connection.recv(12) == b"HTTP/1.1 413"


@pytest.mark.parametrize("stream", [False, True])
def test_a_run_that_outlives_its_deadline(client: httpx.Client, upstream: Upstream, *, stream: bool) -> None:
    """504, and the model call is cancelled. A stream may have begun: then its last event says so."""
    headers = {"Accept": "text/event-stream"} if stream else {}
    response = client.post("/agent/execute", json=GOOD | {"agent_type": "openai_stall", "timeout": 1}, headers=headers)
    if response.headers["content-type"].startswith("text/event-stream"):
        assert "event: error" in response.text
        assert "deadline_exceeded" in response.text
    else:
        assert "deadline_exceeded" in check_problem(response, 504)["type"]
    assert upstream.wait(stage="disconnected")[-1].disconnected


def test_a_model_that_outlives_its_own_timeout(client: httpx.Client, upstream: Upstream) -> None:
    """504 as well, and the call is cancelled."""
    check_problem(client.post("/agent/execute", json=GOOD | {"agent_type": "impatient"}), 504)
    upstream.wait(stage="disconnected")


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("GET", "/agents/nobody"), ("POST", "/agent")])
def test_an_unknown_path(client: httpx.Client, method: str, path: str) -> None:
    """404, as a problem."""
    response = client.request(method, path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["request_id"]


def test_a_wrong_method(client: httpx.Client) -> None:
    """405, saying which are allowed."""
    response = client.get("/agent/execute")
    assert response.status_code == 405
    assert response.headers["content-type"] == "application/problem+json"
    assert "POST" in response.headers["Allow"]
