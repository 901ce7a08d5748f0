"""OpenAI's chat wire by the SDK and by the slim client: the same requests, answers and failures, as Agno sees them.

Everything runs over both. Where no expectation is written down, the SDK's is the one.
"""

from collections.abc import Sequence
from typing import Any

import pytest
from agno.agent import Agent, RunOutput
from agno.exceptions import ModelProviderError
from agno.models.base import Model
from agno.run.base import RunStatus
from pydantic import BaseModel

from bullpen.errors import (
    ModelBusy,
    ModelCredentials,
    ModelFailed,
    ModelNonsense,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
)
from bullpen.llm import CallSettings
from bullpen.llm.clients import ClientKind
from tests.stubs.behaviour import ANSWER
from tests.stubs.booking import models
from tests.stubs.puppet import Puppet, Step, answer, choice, delta, events, said
from tests.stubs.sides import KEY, SIDES, ask, chat_model, failure, told
from tests.stubs.upstream import Upstream

CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
USAGE = {
    "prompt_tokens": 40,
    "completion_tokens": 5,
    "total_tokens": 45,
    "cost": 0.25,
    "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": None, "cache_write_tokens": 2, "odd": 1},
    "completion_tokens_details": {"reasoning_tokens": 4},
}
CITATION = {"type": "url_citation", "url_citation": {"url": "http://a.example", "title": "A", "start_index": 1}}
SOUND = {"id": "s", "data": "UklGRg==", "expires_at": 9, "transcript": "hi"}


class Verdict(BaseModel):
    word: str
    score: int


async def weather(city: str) -> str:
    """Tells the weather.

    Args:
        city: Where.
    """
    return f"rain in {city}"


async def run(model: Model, *, stream: bool, **agent: Any) -> RunOutput:
    asked = Agent(model=model, telemetry=False, **agent)
    if not stream:
        whole: RunOutput = await asked.arun("Hello?", user_id="u", session_id="s")
        return whole
    pieces = [
        piece async for piece in asked.arun("Hello?", user_id="u", session_id="s", stream=True, yield_run_output=True)
    ]
    assert isinstance(pieces[-1], RunOutput)
    return pieces[-1]


def story(run: RunOutput) -> dict[str, Any]:
    counted = run.metrics and {
        name: value for name, value in run.metrics.to_dict().items() if "time" not in name and name != "details"
    }
    tools = [(tool.tool_call_id, tool.tool_name, tool.tool_args, tool.result) for tool in run.tools or ()]
    messages = [(one.role, one.content, one.tool_calls, one.provider_data) for one in run.messages or ()]
    whole = {"status": run.status, "content": run.content, "type": run.content_type, "model": run.model}
    return {**whole, "counted": counted and counted.pop("duration", 0) and counted, "tools": tools, "said": messages}


@pytest.mark.parametrize(
    ("model", "agent"),
    [
        ("stub-echo", {}),
        ("stub-tools", {"tools": [weather]}),
        ("stub-schema", {"output_schema": Verdict}),
        ("stub-schema", {"output_schema": Verdict, "use_json_mode": True}),
        ("stub-badschema", {"output_schema": Verdict}),
        ("stub-tools", {"tools": [weather], "output_schema": Verdict}),
    ],
    ids=["plain", "tools", "schema", "json-mode", "bad-schema", "tools-and-schema"],
)
async def test_an_agents_run_is_the_same(
    upstream: Upstream, model: str, agent: dict[str, Any], *, stream: bool
) -> None:
    """Content, tool calls, usage and instances are equal, and so is every body that was sent."""
    stories, bodies = [], []
    for side in SIDES:
        upstream.reset()
        async with chat_model(side, upstream.openai_url, model=model) as asked:
            stories.append(story(await run(asked, stream=stream, **agent)))
        bodies.append([call.body for call in upstream.calls()])
    assert bodies[0] == bodies[1] != []
    assert stories[0] == stories[1]
    assert stories[0]["status"] is RunStatus.completed


async def test_a_request_has_the_headers_a_server_needs(upstream: Upstream, side: ClientKind, *, stream: bool) -> None:
    """The key as bearer, what the body is, and what is taken for an answer."""
    async with chat_model(side, upstream.openai_url) as model:
        pieces = await ask(model, stream=stream)
    (call,) = upstream.calls()
    assert call.path == "/v1/chat/completions"
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert call.headers["content-type"] == "application/json"
    assert "application/json" in call.headers["accept"]
    assert call.headers["accept-encoding"] == "identity"
    assert int(call.headers["content-length"]) > 0
    assert "".join(piece.content or "" for piece in pieces) == ANSWER


ANSWERS = [
    choice(content="hi"),
    choice(content="<think>hm</think>hi"),
    choice(content="hi", reasoning_content="hm", unknown=[1]),
    choice(content="hi", reasoning="hm", refusal="no"),
    choice(tool_calls=[CALL, {**CALL, "id": "c2", "more": {"x": 1}}]),
    choice(tool_calls=[{"id": "c", "type": "custom", "custom": {"name": "f", "input": "i"}}]),
    choice(tool_calls=[{"function": {"name": "f"}}]),
    choice(content="hi", annotations=[CITATION]),
    choice(audio=SOUND),
    {**choice(content="hi"), "usage": USAGE, "system_fingerprint": "fp", "service_tier": "flex", "own": {"x": [1]}},
    {**choice(content="hi"), "usage": {"prompt_tokens": None}, "error": None, "citations": ["http://a.example"]},
    {"choices": [{"message": {"content": "hi"}}]},
]


@pytest.mark.parametrize("body", ANSWERS)
async def test_what_agno_reads_off_a_whole_answer_is_the_same(body: dict[str, Any]) -> None:
    """Members left out, unknown ones, reasoning, calls of every kind, citations, sound, usage."""
    heard = []
    for side in SIDES:
        async with Puppet([answer(body)]) as puppet, chat_model(side, puppet.url) as model:
            heard.append([told(piece) for piece in await ask(model, stream=False)])
    assert heard[0] == heard[1]


PIECE = {"index": 0, "function": {"arguments": "{}"}}
STREAMS = [
    [delta(role="assistant", content=""), delta(content="hi"), delta()],
    [delta(content="a"), {"choices": [], "usage": USAGE}],
    [delta(content="hi", reasoning_content="hm"), delta(reasoning="hm", unknown=1)],
    [delta(tool_calls=[{"index": 0, **CALL}]), delta(tool_calls=[PIECE, {"index": 1, "id": "c2"}])],
    [delta(content="hi", annotations=[CITATION])],
    [delta(audio={"id": "s", "data": "UklGRg=="}), delta(audio={"id": "s", "transcript": "hi"})],
    [{**delta(content="hi"), "system_fingerprint": "fp", "own": 1, "error": None}],
    [{"choices": [{}]}, {"choices": None}, {}, delta(content="hi")],
    [b": waiting\n\n", delta(content="hi"), b": still\n\n"],
    [b'data: {"choices": [{"delta":\r\ndata: {"content": "hi"}}]}\r\n\r\n'],
    [b'event: message\ndata: {"choices": [{"delta": {"content": "\xf0\x9f', b'\x90\xa7 \\ud83d"}}]}\n', b"\n"],
]


@pytest.mark.parametrize("pieces", STREAMS)
async def test_what_agno_reads_off_a_stream_is_the_same(pieces: list[Any]) -> None:
    """The same members, piece by piece; comments, CRLF, data over several lines, cuts within a character."""
    heard = []
    for side in SIDES:
        async with Puppet(events(*pieces)) as puppet, chat_model(side, puppet.url) as model:
            heard.append([told(piece) for piece in await ask(model, stream=True)])
    assert heard[0] == heard[1] != []


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (304, ModelUnavailable),
        (400, ModelRejected),
        (401, ModelCredentials),
        (403, ModelCredentials),
        (404, ModelRejected),
        (408, ModelTimeout),
        (409, ModelRejected),
        (413, ModelRejected),
        (422, ModelRejected),
        (429, ModelBusy),
        (500, ModelUnavailable),
        (502, ModelUnavailable),
        (503, ModelUnavailable),
        (529, ModelBusy),
    ],
)
async def test_a_refusal_is_the_same_failure(
    side: ClientKind, status: int, kind: type[ModelFailed], *, stream: bool
) -> None:
    """By its status, whatever the body; asked once, and with the provider's word on when to come back."""
    bodies = [{"error": {"message": "m", "code": "context_length_exceeded"}}, b"<html>", b""]
    refusals = [[answer(b"" if status == 304 else body, status=status, Retry_After="7")] for body in bodies]
    async with Puppet(*refusals) as puppet, chat_model(side, puppet.url) as model:
        for _ in refusals:
            failed = await failure(model, stream=stream)
            assert type(failed) is kind
            assert kind is not ModelBusy or failed.retry_after == 7.0
    assert len(puppet.asked) == len(refusals)


HALF = answer(choice(content="hi"))[:-9]
WORD = events(delta(content="hi"), end=False)


@pytest.mark.parametrize(
    ("whole", "streamed", "kind"),
    [
        (["close"], ["close"], ModelUnavailable),
        (["reset"], ["reset"], ModelUnavailable),
        ([b"HTTP/1.1 200", "close"], [b"HTTP/1.1 200", "close"], ModelUnavailable),
        ([b"SSH-2.0\r\n\r\n", "close"], [b"SSH-2.0\r\n\r\n", "close"], ModelUnavailable),
        ([HALF, "close"], [*WORD, "close"], ModelUnavailable),
        ([HALF, "reset"], [*WORD, "reset"], ModelUnavailable),
        ([answer(b'{"half": ')], events(b'data: {"half": \n\n'), ModelNonsense),
        ([answer(b'"\xff"')], events(b'data: {"a": "\xff"}\n\n'), ModelNonsense),
        ([answer(b"<html>", kind="text/html")], events(b"data: <html>\n\n"), ModelNonsense),
        ([answer({"choices": []})], events(b"data: null\n\n"), ModelNonsense),
        ([answer({})], events(b"data: 7\n\n"), ModelNonsense),
        ([answer([])], events(b'data: ["x"]\n\n'), ModelNonsense),
        ([answer({"choices": [{"message": "hi"}]})], events({"choices": "hi"}), ModelNonsense),
        ([answer({"error": {"message": "m"}})], events({"error": {"message": "m"}}), ModelUnavailable),
        ([answer({"error": {"code": 429}})], [*WORD, *events({"error": {"code": 429}})[1:]], ModelUnavailable),
        ([answer({"error": "m"})], events({"error": "m"}), None),
    ],
)
async def test_a_broken_answer_is_the_same_failure(
    side: ClientKind, whole: Sequence[Step], streamed: Sequence[Step], kind: type[ModelFailed] | None, *, stream: bool
) -> None:
    """Hang-ups, half a JSON, pages, answers without an answer, errors that come as a success. Asked once."""
    async with Puppet(streamed if stream else whole) as puppet, chat_model(side, puppet.url) as model:
        failed = await failure(model, stream=stream)
    # An error that is no object: the SDK reads it in a stream, and Agno stumbles over it in a whole answer.
    assert type(failed) is (kind or (ModelUnavailable if stream else ModelNonsense))
    assert len(puppet.asked) == 1


@pytest.mark.parametrize("steps", [[answer(b"<html>", kind="text/html")], events(), [answer({"error": {"code": 1}})]])
async def test_a_stream_without_a_word_is_no_failure_of_the_clients(side: ClientKind, steps: Sequence[Step]) -> None:
    """A page, an answer that is no stream, nothing at all: it just ends, and the guard says what that is."""
    async with Puppet(steps) as puppet, chat_model(side, puppet.url) as model:
        assert await ask(model, stream=True) == []


FINISHED = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
QUOTED = delta(content='"finish_reason": "stop"\ndata: [DONE]')
LAST = b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("pieces", "done", "kind"),
    [
        ([delta(content="hi")], False, ModelUnavailable),
        ([delta(role="assistant", content="")], False, ModelUnavailable),
        ([delta(content="hi", tool_calls=[{"index": 0, **CALL}])], False, ModelUnavailable),
        ([QUOTED], False, ModelUnavailable),
        ([delta(content="hi"), {"choices": [], "usage": USAGE}], False, ModelUnavailable),
        ([delta(content="hi")], True, None),
        ([delta(content="hi"), FINISHED], False, None),
        ([delta(content="hi"), FINISHED, {"choices": [], "usage": USAGE}], False, None),
    ],
)
async def test_a_stream_that_ends_before_its_answer_is_a_failure(
    side: ClientKind, pieces: Sequence[Any], kind: type[ModelFailed] | None, *, done: bool
) -> None:
    """The body ends properly, but neither `[DONE]` nor a reason to finish came; one of the two is enough."""
    steps = [*events(*pieces, end=done), *([] if done else [LAST])]
    async with Puppet(steps) as puppet, chat_model(side, puppet.url) as model:
        failed = await failure(model, stream=True)
    assert type(failed) is (kind or type(None))
    assert len(puppet.asked) == 1


async def test_the_words_before_a_cut_are_the_same() -> None:
    """They come, one by one, before the failure does."""
    heard = []
    for side in SIDES:
        words: list[Any] = []
        steps = [*events(delta(content="a"), delta(content="b"), end=False), LAST]
        async with Puppet(steps) as puppet, chat_model(side, puppet.url) as model:
            with pytest.raises(ModelProviderError):
                await ask(model, stream=True, said=words)
        heard.append([piece.content for piece in words])
    assert heard == [["a", "b"]] * 2


async def test_a_stream_that_breaks_off_before_a_word_is_tried_again(side: ClientKind) -> None:
    """Nothing was handed on yet but who speaks."""
    half = [*events(delta(role="assistant", content=""), end=False), LAST]
    async with Puppet(half, said("whole", stream=True)) as puppet, chat_model(side, puppet.url) as inner:
        model = models().guard(inner, call=CallSettings(retries=1, retry_delay=0))
        pieces = await ask(model, stream=True)
    assert "".join(piece.content or "" for piece in pieces) == "whole"
    assert len(puppet.asked) == 2
