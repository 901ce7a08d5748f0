"""A model call that is tried again, goes on to the next model, or is not made at all: over the real server's socket."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.stubs.behaviour import ANSWER, SECRET
from tests.stubs.catalogue import write_catalogue
from tests.stubs.exposition import Exposition
from tests.stubs.faults import Fault
from tests.stubs.serving import Server
from tests.stubs.upstream import Upstream

SETTINGS = {"BREAKER__OPEN_SECONDS": "1", "BREAKER__SUCCESSES": "2", "ADAPTIVE__REST_MAX": "2"}


def agent(name: str, model: str, *fallbacks: str, **fields: Any) -> dict[str, Any]:
    return {"type": name, "model": model, "fallback_models": list(fallbacks), "retries": 0, **fields}


AGENTS = (
    agent("retrying", "openai:stub-retrying", retries=3),
    agent("falling", "openai:stub-falling", "anthropic:stub"),
    agent("rising", "anthropic:stub-rising", "openai:stub"),
    agent("both_down", "openai:stub-500", "anthropic:stub-500"),
    agent("alone", "openai:stub-alone"),
    agent("guarded", "openai:stub-guarded", "anthropic:stub"),
    agent("breaking", "openai:stub-breaking", "openai:stub"),
    agent("resting", "openai:stub-resting", retries=2, timeout=10.0),
    agent("hedging", "openai:stub-slow-2000ms", "anthropic:stub", hedge_after=0.1),
    agent("silent", "openai:stub-hang", "anthropic:stub", first_token_timeout=0.3),
    agent("stalling", "openai:stub-stall-midstream", "anthropic:stub", between_tokens_timeout=0.3),
)


@pytest.fixture(scope="module")
def guarded_server(
    tmp_path_factory: pytest.TempPathFactory, stub_settings: Mapping[str, str], upstream_process: Upstream
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("resilience")
    settings = {**stub_settings, **SETTINGS, "CONFIG_DIR": str(write_catalogue(folder, agents=AGENTS))}
    with Server(folder, settings=settings) as server:
        yield server


@pytest.fixture
def caller(guarded_server: Server, upstream: Upstream) -> Iterator[httpx.Client]:
    with guarded_server.client() as client:
        yield client


def execute(client: httpx.Client, agent_type: str, *, stream: bool = False, **fields: Any) -> httpx.Response:
    headers = {"Accept": "text/event-stream"} if stream else {}
    return client.post("/agent/execute", json={"agent_type": agent_type, "task": "Hello", **fields}, headers=headers)


def is_answered(response: httpx.Response) -> bool:
    """Also of a stream, whose words come in pieces and whose result is whole."""
    return response.status_code == 200 and ANSWER in response.text and "event: error" not in response.text


def metric(client: httpx.Client, name: str, **labels: str) -> float:
    return Exposition(client.get("/metrics").text).value(name, **labels)


@pytest.mark.parametrize("stream", [False, True])
def test_what_passes_is_tried_again(caller: httpx.Client, upstream: Upstream, *, stream: bool) -> None:
    """The caller sees one answer, the provider two calls with one key, the metrics a lost attempt."""
    upstream.break_down(Fault(behaviour="503", model="stub-retrying"))
    before = metric(caller, "bullpen_model_calls_total", model="stub-retrying")
    with ThreadPoolExecutor(1) as beside:
        pending = beside.submit(execute, caller, "retrying", stream=stream)
        upstream.wait(count=1, stage="ended")
        upstream.mend("stub-retrying")
        assert is_answered(pending.result())
    keys = [call.headers["idempotency-key"] for call in upstream.calls()]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert metric(caller, "bullpen_model_calls_total", model="stub-retrying") == before + 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("agent_type", "model"), [("falling", "stub-falling"), ("rising", "stub-rising")])
@pytest.mark.parametrize("behaviour", ["500", "401", "404", "garbage", "529"])
def test_the_next_model_answers(
    caller: httpx.Client, upstream: Upstream, agent_type: str, model: str, behaviour: str, *, stream: bool
) -> None:
    """In both directions between the two wires, whatever is wrong with the first, one call of each."""
    upstream.break_down(Fault(behaviour=behaviour, model=model, retry_after="0"))
    try:
        response = execute(caller, agent_type, stream=stream)
    finally:
        upstream.mend(model)
    assert is_answered(response), response.text
    assert SECRET not in response.text


def test_the_answer_names_the_model_that_gave_it(caller: httpx.Client, upstream: Upstream) -> None:
    """And the failover is counted under the one that failed."""
    upstream.break_down(Fault(behaviour="500", model="stub-falling"))
    before = metric(caller, "bullpen_model_failovers_total", provider="openai", model="stub-falling")
    answer = execute(caller, "falling").json()
    upstream.mend("stub-falling")
    assert answer["model"] == "stub"
    assert metric(caller, "bullpen_model_failovers_total", provider="openai", model="stub-falling") == before + 1


def test_words_that_went_out_are_not_said_again(caller: httpx.Client, upstream: Upstream) -> None:
    """A stream that breaks after its first words ends in an error; nobody else begins anew."""
    upstream.break_down(Fault(behaviour="error-midstream", model="stub-breaking"))
    response = execute(caller, "breaking", stream=True)
    upstream.mend("stub-breaking")
    assert "event: delta" in response.text
    assert "event: error" in response.text
    assert "event: done" not in response.text
    assert [call.model for call in upstream.calls()] == ["stub-breaking"]


def test_when_all_are_down_it_is_said(caller: httpx.Client, upstream: Upstream) -> None:
    """502 with our kind, and each was asked once."""
    response = execute(caller, "both_down")
    assert (response.status_code, response.json()["type"]) == (502, "urn:bullpen:error:model_unavailable")
    assert [call.path for call in upstream.calls()] == ["/v1/chat/completions", "/v1/messages"]


def test_a_dead_model_is_left_alone(caller: httpx.Client, upstream: Upstream) -> None:
    """Five failures open its breaker: 503 at once with a Retry-After, no call, and it is seen at /pool/breakers.

    When its time has come one probe at a time tries it, and after two that went well all is as before.
    """
    upstream.break_down(Fault(behaviour="500", model="stub-alone"))
    for _ in range(5):
        assert execute(caller, "alone").status_code == 502
    refused = execute(caller, "alone")
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:bullpen:error:circuit_open")
    assert int(refused.headers["Retry-After"]) >= 1
    assert upstream.counts("stub-alone").arrived == 5
    (standing,) = (each for each in caller.get("/pool/breakers").json()["breakers"] if each["model"] == "stub-alone")
    assert standing["state"] == "open"
    assert metric(caller, "bullpen_breaker_state", model="stub-alone") == 2
    upstream.mend("stub-alone")
    until = time.monotonic() + 10
    good = 0
    while good < 3:
        assert time.monotonic() < until
        good += is_answered(execute(caller, "alone"))
    assert metric(caller, "bullpen_breaker_state", model="stub-alone") == 0


def test_what_is_our_own_fault_opens_no_breaker(caller: httpx.Client, upstream: Upstream) -> None:
    """A request the provider refuses says nothing about the provider."""
    upstream.break_down(Fault(behaviour="400", model="stub-guarded"))
    for _ in range(8):
        execute(caller, "guarded")
    upstream.mend("stub-guarded")
    assert upstream.counts("stub-guarded").arrived == 8
    assert execute(caller, "guarded").json()["model"] == "stub-guarded"


def test_a_provider_that_wants_rest_gets_it(caller: httpx.Client, upstream: Upstream) -> None:
    """429 with Retry-After 2: the next call comes when they have passed, and is answered."""
    upstream.break_down(Fault(behaviour="429", model="stub-resting", retry_after="2"))
    with ThreadPoolExecutor(1) as beside:
        pending = beside.submit(execute, caller, "resting")
        upstream.wait(count=1, stage="ended")
        upstream.mend("stub-resting")
        assert is_answered(pending.result())
    first, second = upstream.counts("stub-resting").arrivals
    assert second - first >= 2


@pytest.mark.parametrize("stream", [False, True])
def test_a_slow_call_is_hedged(caller: httpx.Client, upstream: Upstream, *, stream: bool) -> None:
    """The second call answers, and the first one is hung up on."""
    response = execute(caller, "hedging", stream=stream)
    assert is_answered(response)
    upstream.wait(count=1, stage="disconnected")
    assert sorted(call.model for call in upstream.calls()) == ["stub", "stub-slow-2000ms"]


def test_a_stream_without_a_first_token_goes_to_the_next_model(caller: httpx.Client, upstream: Upstream) -> None:
    """The headers of an answer are no answer."""
    assert is_answered(execute(caller, "silent", stream=True))
    upstream.wait(count=1, stage="disconnected")


def test_a_stream_that_falls_silent_ends(caller: httpx.Client, upstream: Upstream) -> None:
    """With an error after the silence that is allowed, not after the whole call's time; its connection is closed."""
    began = time.monotonic()
    response = execute(caller, "stalling", stream=True)
    assert "event: error" in response.text
    assert "model_timeout" in response.text
    assert time.monotonic() - began < 10
    upstream.wait(count=1, stage="disconnected")
