"""Connections of both clients of OpenAI's chat wire: made, bounded, kept and hung up; and what goes over them."""

import asyncio
import ssl
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from agno.models.message import Message

from bullpen.errors import ModelBusy, ModelFailed, ModelTimeout, ModelUnavailable
from bullpen.llm.clients import ClientKind
from bullpen.llm.keys import Key
from bullpen.llm.responses import Answers
from tests.stubs.certificates import certificate
from tests.stubs.puppet import Puppet, Step, answer, choice, delta, events, said
from tests.stubs.sides import KEY, ask, chat_model, failure

SOON = 2.0
"""Seconds. Promise P16 says 0.2, which a busy machine may miss; what is not hung up stays open for good."""

HALF = answer(choice(content="hi"))[:-9]
WORD = events(delta(content="hi"), end=False)


@pytest.mark.parametrize(
    ("url", "kind"),
    [("http://127.0.0.1:9/v1", ModelUnavailable), ("http://nobody.invalid/v1", ModelUnavailable)],
    ids=["refused", "no-such-name"],
)
async def test_a_server_that_is_not_there_is_unavailable(
    side: ClientKind, url: str, kind: type[ModelFailed], *, stream: bool
) -> None:
    """Nothing listens, or there is no such name."""
    async with chat_model(side, url) as model:
        assert type(await failure(model, stream=stream)) is kind


async def test_the_time_to_connect_is_bounded(side: ClientKind) -> None:
    """A TLS handshake nobody answers ends in time, and is a timeout."""
    async with Puppet(["hang"]) as silent:
        url = silent.url.replace("http:", "https:")
        async with chat_model(side, url, connect_timeout=0.1) as model, asyncio.timeout(10):
            assert type(await failure(model, stream=False)) is ModelTimeout


@pytest.mark.parametrize("steps", [["hang"], [HALF, "hang"], [*WORD, "hang"]], ids=["head", "body", "stream"])
async def test_a_cancelled_call_is_hung_up_at_once(side: ClientKind, steps: Sequence[Step], *, stream: bool) -> None:
    """Before the head, in the body, between two words: the provider sees it."""
    async with Puppet(steps) as puppet, chat_model(side, puppet.url) as model:
        asking = asyncio.create_task(ask(model, stream=stream))
        await puppet.hanging.wait()
        asking.cancel()
        started = time.monotonic()
        await asyncio.wait([asking])
        await asyncio.wait_for(puppet.gone.wait(), 10)
        assert time.monotonic() - started < SOON
        assert asking.cancelled()


async def test_a_stream_nobody_reads_on_is_hung_up(side: ClientKind) -> None:
    """Agno leaves it open: the call's answers close it."""
    answers = Answers()
    async with Puppet([*WORD, "hang"]) as puppet, chat_model(side, puppet.url) as model:
        pieces = model.ainvoke_stream(messages=[Message(role="user")], assistant_message=Message(role="assistant"))
        with answers.collecting():
            assert (await anext(pieces)).content == "hi"
        await answers.aclose()
        await asyncio.wait_for(puppet.gone.wait(), SOON)


async def test_a_connection_is_used_again(side: ClientKind, *, stream: bool) -> None:
    """After an answer, a stream with its end, and a refusal."""
    refusal = [answer({"error": {"message": "m"}}, status=429)]
    told: list[Sequence[Step]] = [said("a", stream=stream), refusal, said("b", stream=stream)]
    async with Puppet(*told) as puppet, chat_model(side, puppet.url) as model:
        await ask(model, stream=stream)
        assert type(await failure(model, stream=stream)) is ModelBusy
        await ask(model, stream=stream)
    assert (len(puppet.asked), puppet.connections) == (3, 1)


async def test_a_connection_that_died_while_idle_is_unavailable_and_asked_once(side: ClientKind) -> None:
    """The server hangs up on the second request: nobody knows whether it worked on it, so no client asks again."""
    async with Puppet(said("a", stream=False), ["close"]) as puppet, chat_model(side, puppet.url) as model:
        await ask(model, stream=False)
        assert type(await failure(model, stream=False)) is ModelUnavailable
    assert (len(puppet.asked), puppet.connections) == (2, 1)


async def test_a_renewed_key_is_sent_from_the_next_call_on(side: ClientKind) -> None:
    """Over the same connection."""
    key = Key("old")
    async with Puppet(said("a", stream=False)) as puppet, chat_model(side, puppet.url, key=key) as model:
        await ask(model, stream=False)
        key.renew("new")
        await ask(model, stream=False)
    assert [asked.headers["authorization"] for asked in puppet.asked] == ["Bearer old", "Bearer new"]
    assert puppet.connections == 1


@pytest.mark.parametrize("status", [200, 429])
async def test_a_calls_key_goes_and_the_answers_headers_come(side: ClientKind, status: int, *, stream: bool) -> None:
    """Of every answer, good or bad, with names in lower case; a call without a key sends none."""
    ordinary = said("a", stream=stream)
    told = [answer(b"", status=429, X_RateLimit_Remaining="3")] if status == 429 else ordinary
    answers = Answers("key-of-the-call")
    async with Puppet(told) as puppet, chat_model(side, puppet.url) as model:
        await failure(model, stream=stream, answers=answers)
        await failure(model, stream=stream)
    assert answers.headers is not None
    assert "content-type" in answers.headers
    assert answers.headers.get("x-ratelimit-remaining") == ("3" if status == 429 else None)
    assert [asked.headers.get("idempotency-key") for asked in puppet.asked] == ["key-of-the-call", None]


async def test_a_redirect_is_followed_and_the_key_stays(side: ClientKind) -> None:
    """With the same body to another address; to another server the key does not go."""
    async with Puppet(said("a", stream=False)) as other:
        moved = [answer(b"", status=307, Location="/v2/elsewhere")]
        away = [answer(b"", status=308, Location=f"{other.url}/elsewhere")]
        async with Puppet(moved, away) as puppet, chat_model(side, puppet.url) as model:
            await ask(model, stream=False)
    assert [asked.target for asked in puppet.asked] == ["/v1/chat/completions", "/v2/elsewhere"]
    assert other.asked[0].target == "/v1/elsewhere"
    assert [asked.body for asked in puppet.asked] == [other.asked[0].body] * 2
    assert [asked.headers.get("authorization") for asked in puppet.asked] == [f"Bearer {KEY}"] * 2
    assert "authorization" not in other.asked[0].headers


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
async def test_a_proxy_of_the_environment_is_used(
    side: ClientKind, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the servers it is meant for, and no others."""
    async with Puppet(said("a", stream=False)) as proxy, Puppet(said("b", stream=False)) as near:
        for name, value in {variable: proxy.url, "NO_PROXY": "127.0.0.1"}.items():
            monkeypatch.setenv(name, value)
            monkeypatch.setenv(name.lower(), value)
        async with chat_model(side, "http://far.invalid/v1") as model:
            await ask(model, stream=False)
        async with chat_model(side, near.url) as model:
            await ask(model, stream=False)
    assert [asked.target for asked in proxy.asked] == ["http://far.invalid/v1/chat/completions"]
    assert [asked.target for asked in near.asked] == ["/v1/chat/completions"]


async def test_certificates_are_checked(side: ClientKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server nobody vouches for is unavailable; one that `SSL_CERT_FILE` vouches for is asked."""
    file = certificate(tmp_path, host="127.0.0.1")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(file)
    async with Puppet(said("a", stream=False), tls=tls) as puppet:
        async with chat_model(side, puppet.url) as model:
            assert type(await failure(model, stream=False)) is ModelUnavailable
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        async with chat_model(side, puppet.url) as model:
            assert [piece.content for piece in await ask(model, stream=False)] == ["a"]
    assert len(puppet.asked) == 1
