"""`POST /agent/execute` as server-sent events."""

import time

import httpx
import pytest

from tests.stubs.behaviour import ANSWER, OUTPUT_TOKENS
from tests.stubs.events import HEARTBEAT, ServerEvent, events_of, names_of
from tests.stubs.serving import Server

EVENTS = {"Accept": "text/event-stream"}


def stream(client: httpx.Client, agent_type: str) -> list[ServerEvent]:
    asked = {"agent_type": agent_type, "task": "Say something."}
    with client.stream("POST", "/agent/execute", json=asked, headers=EVENTS) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["X-Accel-Buffering"] == "no"
        return list(events_of(response))


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_stream_tells_the_run(client: httpx.Client, provider: str) -> None:
    """`start`, then the answer in pieces, then `done` with the same document a plain request gets."""
    events = stream(client, f"{provider}_stub")
    assert names_of(events) == ["start", "delta", "done"]
    deltas = [event.data["text"] for event in events if event.name == "delta"]
    assert len(deltas) > 1
    done = events[-1].data
    assert "".join(deltas) == done["result"] == ANSWER
    assert done["success"] is True
    assert done["usage"]["output_tokens"] == OUTPUT_TOKENS
    assert done["run_id"] == events[0].data["run_id"]


def test_every_event_has_an_id(client: httpx.Client) -> None:
    """Ids are there and never the same twice."""
    ids = [event.id for event in stream(client, "openai_stub") if event.name != HEARTBEAT]
    assert all(ids)
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("agent_type", ["adding", "adding_anthropic"])
def test_a_stream_tells_of_tools(client: httpx.Client, agent_type: str) -> None:
    """A tool call is told twice, when it begins and when it is done, before the answer."""
    events = stream(client, agent_type)
    assert names_of(events) == ["start", "tool", "delta", "done"]
    steps = [event.data for event in events if event.name == "tool"]
    assert [(step["tool"], step["status"]) for step in steps] == [("add", "started"), ("add", "completed")]
    assert len({step["call_id"] for step in steps}) == 1


def test_pieces_come_as_they_are_made(client: httpx.Client) -> None:
    """The first piece of the answer arrives while the model is still at it, followed by heartbeats in the silence."""
    asked = {"agent_type": "openai_stall_midstream", "task": "Hello"}
    with client.stream("POST", "/agent/execute", json=asked, headers=EVENTS) as response:
        seen = events_of(response)
        names = [next(seen).name for _ in range(2)]
        assert names == ["start", "delta"]
        while next(seen).name != HEARTBEAT:
            pass


def test_a_silent_model_is_bridged_by_heartbeats(client: httpx.Client) -> None:
    """With nothing to tell, a comment is sent every so often (0.2 s in this server), so that proxies keep the line."""
    asked = {"agent_type": "openai_stall", "task": "Hello", "timeout": 2}
    with client.stream("POST", "/agent/execute", json=asked, headers=EVENTS) as response:
        events = list(events_of(response))
    assert sum(event.name == HEARTBEAT for event in events) >= 3
    assert events[-1].name == "error"
    assert events[-1].data["status"] == 504


def test_a_refusal_before_the_stream_is_an_ordinary_problem(client: httpx.Client) -> None:
    """What is wrong before the run begins is answered with its status, not inside a 200."""
    response = client.post("/agent/execute", json={"agent_type": "nobody", "task": "Hello"}, headers=EVENTS)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


def test_never_means_never(client: httpx.Client) -> None:
    """`q=0` refuses events (RFC 9110, 12.4.2)."""
    accept = {"Accept": "text/event-stream;q=0, application/json"}
    response = client.post("/agent/execute", json={"agent_type": "general", "task": "Hello"}, headers=accept)
    assert response.headers["content-type"] == "application/json"


def test_streams_run_side_by_side(server: Server) -> None:
    """A stream that stalls holds up nobody else."""
    asked = {"agent_type": "openai_stall_midstream", "task": "Hello"}
    with server.client() as slow, slow.stream("POST", "/agent/execute", json=asked, headers=EVENTS) as response:
        told = events_of(response)  # kept: without it the answer would be closed
        next(told)
        begun = time.monotonic()
        with server.client() as quick:
            assert stream(quick, "openai_stub")[-1].name == "done"
        assert time.monotonic() - begun < 5
        del told
