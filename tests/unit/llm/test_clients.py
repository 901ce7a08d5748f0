"""The providers' clients."""

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from json import dumps
from typing import Any

import pytest

from bullpen.llm.clients import Clients
from bullpen.llm.ending import CutOff
from bullpen.llm.keys import Key
from bullpen.llm.responses import Answers
from bullpen.llm.slim import SlimClient
from tests.stubs.puppet import Puppet, answer, events

KEY = Key("k")


def three(clients: Clients, key: Key) -> list[Any]:
    return [clients.chat(key=key), clients.openai(key=key), clients.anthropic(key=key)]


def test_a_client_is_made_without_an_event_loop_and_only_once() -> None:
    """`bullpen agents check` has no loop; models of one provider share its connections."""
    clients = Clients()
    for first, second in zip(three(clients, KEY), three(clients, KEY), strict=True):
        assert first is second
    assert clients.chat(key=KEY) is not clients.chat(key=KEY, base_url="http://127.0.0.1:1/v1")
    assert clients.openai(key=KEY) is not clients.openai(key=KEY, base_url="http://127.0.0.1:1/v1")
    assert clients.chat(key=KEY) is not clients.chat(key=Key("k"))


def test_the_chat_wires_client_is_ours_or_the_sdks() -> None:
    """Ours unless the other is asked for; the SDK's is one, whichever wire it speaks."""
    sdk = Clients(chat="sdk")
    assert isinstance(Clients().chat(key=KEY), SlimClient)
    assert sdk.chat(key=KEY) is sdk.openai(key=KEY)


def test_a_renewed_key_is_the_clients() -> None:
    """The client stays, and with it its connections and the calls on them; the next call has the new key."""
    key, clients = Key("old"), Clients()
    slim, openai, anthropic = three(clients, key)
    key.renew("new")
    shown = [*openai.auth_headers.values(), *anthropic.auth_headers.values()]
    assert [value.removeprefix("Bearer ") for value in shown] == ["new", "new"]
    assert slim.api_key == "new"
    assert clients.chat(key=key) is slim
    assert clients.openai(key=key) is openai


def test_nothing_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Key and address are the ones given, or the provider's own."""
    for provider in ("OPENAI", "ANTHROPIC"):
        monkeypatch.setenv(f"{provider}_API_KEY", "wrong")
        monkeypatch.setenv(f"{provider}_BASE_URL", "http://wrong.invalid")
    slim, openai, anthropic = three(Clients(), Key("right"))
    assert (slim.api_key, str(slim.base_url)) == ("right", "https://api.openai.com/v1/")
    assert (openai.api_key, str(openai.base_url)) == ("right", "https://api.openai.com/v1/")
    assert (anthropic.api_key, str(anthropic.base_url)) == ("right", "https://api.anthropic.com")


def test_the_clients_neither_retry_nor_wait_for_the_guard() -> None:
    """The guard retries and bounds; a client bounds the time to connect, name and TLS included."""
    clients = Clients(connect_timeout=3)
    for client in (clients.openai(key=KEY), clients.anthropic(key=KEY)):
        assert client.max_retries == 0
        assert client.timeout.as_dict() == {"connect": 3, "read": None, "write": None, "pool": 3}  # type: ignore[union-attr] # always a Timeout here


@pytest.mark.parametrize("wire", ["chat", "responses", "messages"])
async def test_every_client_sends_the_calls_key_and_hands_on_the_answers_headers(wire: str) -> None:
    """The key of the call under way; the headers of a refusal too."""
    clients, answers = Clients(), Answers("key-of-the-call")
    async with Puppet([answer(b"{}", status=429, X_RateLimit_Remaining="3")]) as puppet:
        client: Any = clients.chat(key=KEY, base_url=puppet.url)
        calls: dict[str, Callable[[], Awaitable[Any]]] = {
            "chat": lambda: client.chat.completions.create(model="m", messages=[]),
            "responses": lambda: clients.openai(key=KEY, base_url=puppet.url).responses.create(model="m", input="hi"),
            "messages": lambda: clients.anthropic(key=KEY, base_url=puppet.url).messages.create(
                model="m", messages=[{"role": "user", "content": "hi"}], max_tokens=9
            ),
        }
        with answers.collecting(), pytest.raises(Exception, match="429"):
            await calls[wire]()
        await clients.aclose()
    assert [asked.headers.get("idempotency-key") for asked in puppet.asked] == ["key-of-the-call"]
    assert answers.headers is not None
    assert answers.headers["x-ratelimit-remaining"] == "3"


MESSAGE: dict[str, Any] = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "content": [],
    "model": "m",
    "stop_reason": None,
}
HALVES = {
    "responses": [b'event: response.created\ndata: {"type": "response.created", "response": {}}\n\n'],
    "messages": [b"event: message_start\ndata: %s\n\n" % dumps({"type": "message_start", "message": MESSAGE}).encode()],
}
ENDS = {
    "responses": b'event: response.completed\ndata: {"type": "response.completed", "response": {}}\n\n',
    "messages": b'event: message_stop\ndata: {"type": "message_stop"}\n\n',
}


@pytest.mark.parametrize("wire", HALVES)
@pytest.mark.parametrize("whole", [False, True])
async def test_a_stream_that_breaks_off_is_cut_off_on_every_wire(wire: str, *, whole: bool) -> None:
    """Though its body ended properly; what has the wire's last event is whole."""
    clients, heard = Clients(), 0
    steps = [*events(*HALVES[wire], *([ENDS[wire]] if whole else []), end=False), b"0\r\n\r\n"]
    async with Puppet(steps) as puppet:
        openai, anthropic = (
            clients.openai(key=KEY, base_url=puppet.url),
            clients.anthropic(key=KEY, base_url=puppet.url),
        )
        asked: Any = {
            "responses": lambda: openai.responses.create(model="m", input="hi", stream=True),
            "messages": lambda: anthropic.messages.create(model="m", messages=[], max_tokens=9, stream=True),
        }
        with nullcontext() if whole else pytest.raises(CutOff):
            async for _ in await asked[wire]():
                heard += 1
        await clients.aclose()
    assert heard == 1 + whole


async def test_closing_closes_every_client() -> None:
    """And a closed house makes new ones when asked again."""
    clients = Clients()
    made = three(clients, KEY)
    await clients.aclose()
    assert all(client.is_closed() for client in made)
    assert clients.chat(key=KEY) is not made[0]
    await clients.aclose()
