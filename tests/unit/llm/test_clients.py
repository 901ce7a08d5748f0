"""The SDKs' clients."""

import pytest

from bullpen.llm.clients import Clients
from bullpen.llm.keys import Key

KEY = Key("k")


def test_a_client_is_made_without_an_event_loop_and_only_once() -> None:
    """`bullpen agents check` has no loop; models of one provider share its connections."""
    clients = Clients()
    assert clients.openai(key=KEY) is clients.openai(key=KEY)
    assert clients.anthropic(key=KEY) is clients.anthropic(key=KEY)
    assert clients.openai(key=KEY) is not clients.openai(key=KEY, base_url="http://127.0.0.1:1/v1")
    assert clients.openai(key=KEY) is not clients.openai(key=Key("k"))


def test_a_renewed_key_is_the_clients() -> None:
    """The client stays, and with it its connections and the calls on them; the next call has the new key."""
    key, clients = Key("old"), Clients()
    openai, anthropic = clients.openai(key=key), clients.anthropic(key=key)
    key.renew("new")
    shown = [*openai.auth_headers.values(), *anthropic.auth_headers.values()]
    assert [value.removeprefix("Bearer ") for value in shown] == ["new", "new"]
    assert clients.openai(key=key) is openai


def test_nothing_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Key and address are the ones given, or the provider's own."""
    for provider in ("OPENAI", "ANTHROPIC"):
        monkeypatch.setenv(f"{provider}_API_KEY", "wrong")
        monkeypatch.setenv(f"{provider}_BASE_URL", "http://wrong.invalid")
    openai, anthropic = Clients().openai(key=Key("right")), Clients().anthropic(key=Key("right"))
    assert (openai.api_key, str(openai.base_url)) == ("right", "https://api.openai.com/v1/")
    assert (anthropic.api_key, str(anthropic.base_url)) == ("right", "https://api.anthropic.com")


def test_the_clients_neither_retry_nor_wait_for_the_guard() -> None:
    """The guard retries and bounds; a client bounds the time to connect, to 5 s."""
    for client in (Clients().openai(key=KEY), Clients().anthropic(key=KEY)):
        assert client.max_retries == 0
        assert client.timeout.as_dict() == {"connect": 5.0, "read": None, "write": None, "pool": None}  # type: ignore[union-attr] # always a Timeout here


async def test_closing_closes_every_client() -> None:
    """And a closed house makes new ones when asked again."""
    clients = Clients()
    openai, anthropic = clients.openai(key=KEY), clients.anthropic(key=KEY)
    await clients.aclose()
    assert openai.is_closed()
    assert anthropic.is_closed()
    assert clients.openai(key=KEY) is not openai
    await clients.aclose()
