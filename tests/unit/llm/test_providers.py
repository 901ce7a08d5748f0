"""How each provider's model is made."""

from typing import Any

import pytest

from bullpen.errors import Misconfigured
from bullpen.llm import CallSettings, Endpoint
from bullpen.llm.clients import ClientKind, Clients
from bullpen.llm.keys import NO_KEY, Key
from bullpen.llm.offline import OfflineModel
from bullpen.llm.ports import ModelName
from bullpen.llm.providers import Providers
from tests.stubs.scripted import ScriptedModel

KEYS = {"openai": "openai-key", "anthropic": "anthropic-key"}


def make(name: str, *, call: CallSettings | None = None, client: ClientKind = "slim", **others: Any) -> Any:
    given: dict[str, Any] = {"keys": KEYS, "base_urls": {}, "endpoints": {}, "extra": {}, **others}
    given["keys"] = {each: Key(text) for each, text in given["keys"].items()}
    given["endpoint_keys"] = {each: Key(one.api_key or NO_KEY) for each, one in given["endpoints"].items()}
    provider, _, model = name.partition(":")
    return Providers(clients=Clients(chat=client), **given).make(ModelName(provider, model), call or CallSettings())


@pytest.mark.parametrize("provider", ["openai", "openai-chat"])
def test_openai_is_its_chat_model(provider: str) -> None:
    """With our client, our limits, and no retry of its own."""
    model: Any = make(f"{provider}:gpt-4o", base_urls={"openai": "http://127.0.0.1:1/v1"})
    assert type(model).__name__ == "OpenAIChat"
    assert (model.id, model.temperature, model.max_tokens, model.retries) == ("gpt-4o", 0.1, 2048, 0)
    assert (model.async_client.api_key, str(model.async_client.base_url)) == ("openai-key", "http://127.0.0.1:1/v1/")


@pytest.mark.parametrize(("client", "kind"), [("slim", "SlimClient"), ("sdk", "AsyncOpenAI")])
def test_the_chat_wires_client_can_be_chosen(client: ClientKind, kind: str) -> None:
    """For OpenAI and for endpoints; the other wires are the SDKs' alone."""
    endpoints = {"mine": Endpoint("http://127.0.0.1:3/v1")}
    for name in ("openai:gpt-4o", "mine:llama"):
        model = make(name, client=client, endpoints=endpoints)
        assert type(model.async_client).__name__ == kind
        assert not model.async_client.is_closed()
    assert type(make("openai-responses:gpt-4o", client=client).async_client).__name__ == "AsyncOpenAI"
    assert type(make("anthropic:claude-opus-5-5", client=client).async_client).__name__ == "AsyncAnthropic"


@pytest.mark.parametrize("name", ["o3", "o4-mini", "gpt-5.4"])
def test_a_reasoning_model_gets_no_temperature(name: str) -> None:
    """OpenAI refuses one, and knows the bound of the answer by another name."""
    model: Any = make(f"openai:{name}")
    assert (model.temperature, model.max_tokens, model.max_completion_tokens) == (None, None, 2048)
    assert make(f"openai-responses:{name}").temperature is None


def test_openais_responses_wire_can_be_chosen() -> None:
    """By the name Agno has for it."""
    model: Any = make("openai-responses:gpt-4o")
    assert type(model).__name__ == "OpenAIResponses"
    assert (model.temperature, model.max_output_tokens, model.async_client.api_key) == (0.1, 2048, "openai-key")


def test_anthropic_is_claude() -> None:
    """With our client; a model that refuses a temperature is not given one."""
    model: Any = make("anthropic:claude-opus-5-5", base_urls={"anthropic": "http://127.0.0.1:1"})
    assert type(model).__name__ == "Claude"
    assert (model.temperature, model.max_tokens, model.retries) == (None, 2048, 0)
    assert (model.async_client.api_key, str(model.async_client.base_url)) == ("anthropic-key", "http://127.0.0.1:1")
    assert make("anthropic:claude-haiku-4-5").temperature == 0.1


def test_anthropic_always_has_a_bound() -> None:
    """Its API demands one: without ours Agno's own default goes."""
    assert make("anthropic:claude-opus-5-5", call=CallSettings(max_tokens=None)).max_tokens > 0


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("openai:gpt-4o", "OPENAI_API_KEY"),
        ("openai-responses:gpt-4o", "OPENAI_API_KEY"),
        ("anthropic:claude-opus-5-5", "ANTHROPIC_API_KEY"),
    ],
)
def test_a_missing_key_is_told_at_start(name: str, variable: str) -> None:
    """With the variable to set."""
    with pytest.raises(Misconfigured, match=variable):
        make(name, keys={})


def test_an_endpoint_wins_over_agnos_provider_of_that_name() -> None:
    """It speaks OpenAI's wire, and OpenAI's key never goes there."""
    endpoints = {"vllm": Endpoint("http://127.0.0.1:2/v1"), "mine": Endpoint("http://127.0.0.1:3/v1", "my-key")}
    model: Any = make("vllm:llama", endpoints=endpoints)
    assert type(model).__name__ == "OpenAILike"
    assert (model.provider, model.id, model.temperature, model.max_tokens) == ("vllm", "llama", 0.1, 2048)
    assert (model.async_client.api_key, str(model.async_client.base_url)) == ("none", "http://127.0.0.1:2/v1/")
    assert make("mine:llama", endpoints=endpoints).async_client.api_key == "my-key"


def test_a_provider_of_agnos_table_is_made_from_it() -> None:
    """With the key and limits its class knows, and with every retry off."""
    model: Any = make("openrouter:some/model", keys={"openrouter": "router-key"})
    assert type(model).__name__ == "OpenRouter"
    assert (model.id, model.api_key, model.temperature, model.max_tokens) == ("some/model", "router-key", 0.1, 2048)
    assert (model.retries, model.max_retries) == (0, 0)


def test_a_key_missing_for_such_a_provider_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Agno's class can tell, with the variable it names."""
    monkeypatch.delenv("DEEPSEEK_API_KEY", raising=False)
    with pytest.raises(Misconfigured, match=r"deepseek:chat.*DEEPSEEK_API_KEY"):
        make("deepseek:chat")


@pytest.mark.parametrize(("provider", "package"), [("groq", "groq"), ("mistral", "mistralai"), ("ollama", "ollama")])
def test_a_missing_package_is_told_at_start(provider: str, package: str) -> None:
    """With the command that installs it."""
    with pytest.raises(Misconfigured, match=f"pip install {package}"):
        make(f"{provider}:model")


def test_an_unknown_provider_is_told_what_was_meant() -> None:
    """And how a server of one's own is named."""
    with pytest.raises(Misconfigured, match=r"`antropic`.*Did you mean `anthropic`.*ENDPOINTS__"):
        make("antropic:claude")
    with pytest.raises(Misconfigured, match="There is no model provider `zzzz`"):
        make("zzzz:claude")


def test_a_further_provider_comes_first() -> None:
    """That is how a test's scripted model comes in."""
    inner = ScriptedModel()
    assert make("openai:x", extra={"openai": lambda _: inner}) is inner


def test_the_offline_model_needs_nothing() -> None:
    """No key, no client."""
    assert type(make("offline:offline", keys={})) is OfflineModel
