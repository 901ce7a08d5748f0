"""P16: a client that hangs up stops the model call (litellm #37140, #13774, #3341)."""

import socket
import time
from typing import Final

import httpx
import orjson
import pytest

from tests.stubs.exposition import Exposition
from tests.stubs.serving import Server
from tests.stubs.upstream import Upstream

PROMISE: Final = 0.2
BOUND: Final = 2.0


def begin(server: Server, agent_type: str, accept: str) -> socket.socket:
    """Sends a request over a bare socket, whose closing is nobody's business but ours."""
    body = orjson.dumps({"agent_type": agent_type, "task": "Never mind."})
    head = (
        f"POST /agent/execute HTTP/1.1\r\nHost: x\r\nX-API-Key: {server.api_key}\r\nAccept: {accept}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    connection.sendall(head.encode() + body)
    return connection


def hang_up(server: Server, upstream: Upstream, agent_type: str, accept: str) -> float:
    """Seconds from our hang-up until the provider saw its connection closed."""
    upstream.reset()
    with begin(server, agent_type, accept) as connection:
        upstream.wait()
        if agent_type.endswith("midstream") and accept == "text/event-stream":
            while b"event: delta" not in connection.recv(65536):
                pass
        begun = time.monotonic()
    call = upstream.wait(stage="disconnected")[-1]
    assert call.ended_at is not None
    return call.ended_at - begun


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
@pytest.mark.parametrize("stall", ["stall", "stall_midstream"])
def test_p16_the_provider_is_hung_up_on(
    server: Server, upstream: Upstream, provider: str, accept: str, stall: str
) -> None:
    """Within 200 ms, streaming or not: the best of five tries, as the machine is shared, and never later than 2 s."""
    waits = [hang_up(server, upstream, f"{provider}_{stall}", accept) for _ in range(5)]
    assert min(waits) < PROMISE
    assert max(waits) < BOUND


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_p16_the_lane_is_free(server: Server, upstream: Upstream, accept: str) -> None:
    """The only lane of an agent is lent again at once: the next run reaches the model."""
    for count in (1, 2, 3):
        with begin(server, "narrow", accept):
            upstream.wait(count=count)
    upstream.wait(count=3, stage="disconnected")


def test_p16_a_waiting_caller_who_hangs_up_leaves_the_queue(server: Server, upstream: Upstream) -> None:
    """A caller who was still waiting for a lane never reaches the model."""
    with begin(server, "narrow", "application/json"):
        upstream.wait()
        with begin(server, "narrow", "application/json"), server.client() as client:
            _until_queued(client)
    upstream.wait(stage="disconnected")
    with begin(server, "narrow", "application/json"):
        assert len(upstream.wait(count=2)) == 2


def test_p16_a_request_sent_ahead_hides_no_hang_up(server: Server, upstream: Upstream) -> None:
    """A caller with a second request waiting behind the first is missed all the same."""
    with begin(server, "openai_stall", "application/json") as connection:
        upstream.wait()
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    upstream.wait(stage="disconnected")


def test_p16_a_batch_stops_too(server: Server, upstream: Upstream) -> None:
    """Every item of a batch that nobody waits for is stopped."""
    body = orjson.dumps({"requests": [{"agent_type": "openai_stall", "task": "Never mind."}] * 5})
    head = (
        f"POST /agent/batch HTTP/1.1\r\nHost: x\r\nX-API-Key: {server.api_key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head.encode() + body)
        upstream.wait(count=5)
    upstream.wait(count=5, stage="disconnected")


def test_p16_what_was_spent_is_booked(server: Server, upstream: Upstream) -> None:
    """The attempt is counted as cancelled, with an estimate of the tokens it cost."""
    with server.client() as client:
        before = Exposition(client.get("/metrics").text)
        hang_up(server, upstream, "openai_stall", "application/json")
        after = _once_booked(client, before)
    assert _tokens(after) > _tokens(before)


def _once_booked(client: httpx.Client, before: Exposition) -> Exposition:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        after = Exposition(client.get("/metrics").text)
        if _cancelled(after) == _cancelled(before) + 1:
            return after
    raise AssertionError("the cancelled attempt was not booked")


def _cancelled(scrape: Exposition) -> float:
    return scrape.value("bullpen_model_call_outcomes_total", model="stub-stall", outcome="cancelled")


def _tokens(scrape: Exposition) -> float:
    return scrape.value("bullpen_tokens_used_total", model="stub-stall", type="input")


def _until_queued(client: httpx.Client) -> None:
    end = time.monotonic() + 5
    while Exposition(client.get("/metrics").text).value("bullpen_task_queue_size") < 1:
        assert time.monotonic() < end, "the second caller was never queued"
