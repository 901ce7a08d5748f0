"""Every model of one process."""

from typing import Any

import pytest
from agno.models.openai import OpenAIChat, OpenAILike

from bullpen.errors import Misconfigured
from bullpen.llm import CallSettings, Endpoint, GuardedModel
from bullpen.llm.offline import OfflineModel
from bullpen.llm.ports import ModelName
from tests.stubs.booking import models
from tests.stubs.scripted import ScriptedModel

CALL = CallSettings()


def test_with_nothing_given_every_alias_is_the_offline_model() -> None:
    """And the house knows it, to say so or to refuse to serve."""
    bare = models()
    assert bare.offline_only
    assert isinstance(bare.build("fast", call=CALL).inner, OfflineModel)


@pytest.mark.parametrize(
    "settings",
    [{"keys": {"openai": "k"}}, {"default": "openai:gpt-4o"}, {"aliases": {"cheap": "x:y"}}],
)
def test_with_anything_given_it_is_not(settings: dict[str, Any]) -> None:
    """One alias that means a real model is enough."""
    assert not models(**settings).offline_only


def test_an_empty_key_is_no_key() -> None:
    """An empty variable counts as unset."""
    assert models(keys={"openai": ""}).offline_only


def test_aliases_tell_what_they_mean() -> None:
    """The tiers and the operator's own."""
    told = models(aliases={"cheap": "gpt-4o-mini"}, keys={"anthropic": "k"}).aliases
    assert {alias: str(name) for alias, name in told.items()} == {
        "cheap": "openai:gpt-4o-mini",
        "fast": "anthropic:claude-haiku-5-5",
        "strong": "anthropic:claude-opus-5-5",
    }


def test_every_build_is_a_model_of_its_own_with_a_shared_client() -> None:
    """Agents differ in temperature and role; the connections are one."""
    house = models(keys={"openai": "k"})
    first, second = house.build("fast", call=CALL), house.build("fast", call=CallSettings(temperature=1))
    assert first.inner is not second.inner
    assert first.async_client is second.async_client
    assert (first.temperature, second.temperature) == (0.1, 1)


def test_fallbacks_are_built_and_kept() -> None:
    """A mistake in one is found at start."""
    house = models(keys={"openai": "k"})
    built = house.build("fast", call=CallSettings(fallbacks=("strong", "offline")))
    assert [str(link.name) for link in built.chain] == ["openai:gpt-4o-mini", "openai:gpt-4o", "offline:offline"]
    with pytest.raises(Misconfigured, match="ANTHROPIC_API_KEY"):
        house.build("fast", call=CallSettings(fallbacks=("anthropic:claude-opus-5-5",)))


def test_guarding_twice_is_guarding_once() -> None:
    """A guard is returned as it is; a model gets one, with its own retries off."""
    house, inner = models(), ScriptedModel(retries=3, cache_response=True)
    outside = house.guard(inner, call=CALL)
    assert house.guard(outside, call=CALL) is outside
    assert isinstance(outside, GuardedModel)
    assert (inner.retries, inner.cache_response) == (0, False)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (OpenAIChat(id="gpt-4o", api_key="k"), "openai:gpt-4o"),
        (OpenAILike(id="m", provider=""), "openailike:m"),
        (OpenAILike(id="m", provider="LM Studio"), "lm-studio:m"),
    ],
)
def test_a_users_model_is_booked_under_its_provider(model: OpenAIChat, name: str) -> None:
    """As `provider:model` would have named it."""
    house = models()
    house.guard(model, call=CALL)
    assert {str(known) for known in house.known} == {name}


def test_names_that_were_guarded_are_known() -> None:
    """They may be metric labels, and nothing else may."""
    known: set[ModelName] = set()
    house = models(known=known, endpoints={"vllm": Endpoint("http://127.0.0.1:1/v1")})
    house.build("vllm:llama", call=CallSettings(fallbacks=("offline",)))
    assert known == {ModelName("vllm", "llama"), ModelName("offline", "offline")}
    assert house.known is known


async def test_closing_closes_the_clients() -> None:
    """Nothing stays open when the house closes."""
    house = models(keys={"openai": "k"})
    client = house.build("fast", call=CALL).async_client
    await house.aclose()
    assert client.is_closed()


def test_a_renewed_key_is_used_from_the_next_call_on() -> None:
    """By every model of the provider, by a user's own that was lent it, and by what is built later; by no other."""
    house = models(keys={"openai": "old", "anthropic": "other"}, endpoints={"openai": Endpoint("http://h/v1", "mine")})
    lent: Any = OpenAIChat(id="m")
    house.check(lent)
    built, other = house.build("openai-chat:gpt-4o", call=CALL), house.build("anthropic:claude-x", call=CALL)
    house.renew("openai", "new")
    later = house.build("openai-responses:gpt-4o", call=CALL)
    assert [each.async_client.api_key for each in (built, later, other)] == ["new", "new", "other"]
    assert lent.api_key == "new"


def test_an_endpoints_key_is_its_own() -> None:
    """An endpoint may be called like a provider; neither gets the other's key."""
    house = models(keys={"openai": "official"}, endpoints={"openai": Endpoint("http://h/v1", "mine")})
    endpoint, official = house.build("openai:m", call=CALL), house.build("openai-chat:gpt-4o", call=CALL)
    house.renew_endpoint("openai", "new")
    assert (endpoint.async_client.api_key, official.async_client.api_key) == ("new", "official")


def test_a_model_is_in_its_chain_once() -> None:
    """Aliases that mean the same model are one model: asking it again would be a retry."""
    house = models(
        default="offline", aliases={"spare": "scripted:b"}, providers={"scripted": lambda _: ScriptedModel()}
    )
    chain = house.build("fast", call=CallSettings(fallbacks=("strong", "spare", "spare"))).chain
    assert [str(link.name) for link in chain] == ["offline:offline", "scripted:b"]


def test_a_users_model_is_in_its_chain_once() -> None:
    """Also where the catalogue names it again."""
    house = models(providers={"scripted": lambda _: ScriptedModel()})
    guarded = house.guard(ScriptedModel(), call=CallSettings(fallbacks=("scripted:scripted", "scripted:b")))
    assert [str(link.name) for link in guarded.chain] == ["scripted:scripted", "scripted:b"]
