"""Credentials of a user's own models."""

from dataclasses import replace
from typing import Any

import pytest
from agno.models.anthropic import Claude
from agno.models.openai import OpenAIChat, OpenAILike, OpenAIResponses
from openai import AsyncOpenAI

from bullpen.errors import Misconfigured
from bullpen.llm.credentials import check_credentials, lend
from bullpen.llm.keys import Key
from bullpen.llm.ports import ModelName
from tests.stubs.scripted import ScriptedModel

KEYS = {"openai": Key("server-key"), "anthropic": Key("other-key")}
NAME = ModelName("any", "model")


@pytest.fixture(autouse=True)
def no_keys_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """Agno looks in the environment, and so would the tests."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("model", "key"),
    [(OpenAIChat(id="m"), "server-key"), (OpenAIResponses(id="m"), "server-key"), (Claude(id="m"), "other-key")],
)
def test_a_model_without_a_key_is_lent_the_servers(model: Any, key: str) -> None:
    """Agno would not find one that came as a file."""
    lend(model, KEYS)
    assert model.api_key == key
    check_credentials(model, NAME)


@pytest.mark.parametrize(
    "model",
    [
        OpenAIChat(id="m", api_key="own"),
        OpenAIChat(id="m", base_url="http://127.0.0.1:1"),
        OpenAIChat(id="m", async_client=AsyncOpenAI(api_key="own")),
        OpenAILike(id="m", base_url="http://127.0.0.1:1"),
        type("Derived", (OpenAIChat,), {})(id="m"),
        ScriptedModel(),
    ],
)
def test_no_key_goes_to_a_model_that_may_call_somebody_else(model: Any) -> None:
    """A key is worth money, and a derived class may have an address of its own."""
    lend(model, KEYS)
    assert getattr(model, "api_key", None) not in {"server-key", "other-key"}


def test_a_copy_of_a_model_that_was_lent_a_key_follows_it_too() -> None:
    """Agno copies models with everything they have; the key of a copy must not grow old. A key of its own stays."""
    key, first, own = Key("old"), OpenAIChat(id="m"), OpenAIChat(id="m", api_key="own")
    lend(first, {"openai": key})
    copy = replace(first)
    for model in (copy, own):
        lend(model, {"openai": key})
    key.renew("new")
    assert [model.api_key for model in (first, copy, own)] == ["new", "new", "own"]


@pytest.mark.parametrize(
    ("model", "variable"), [(OpenAIChat(id="m"), "OPENAI_API_KEY"), (Claude(id="m"), "ANTHROPIC_API_KEY")]
)
def test_a_missing_key_is_told_by_its_variable(model: Any, variable: str) -> None:
    """Before the first caller, who could do nothing about it."""
    with pytest.raises(Misconfigured, match=f"any:model has no credentials. Set {variable}"):
        check_credentials(model, NAME)


@pytest.mark.parametrize(
    "model",
    [OpenAIChat(id="m", async_client=AsyncOpenAI(api_key="own")), Claude(id="m", api_key="own"), ScriptedModel()],
)
def test_a_model_that_has_what_it_needs_passes(model: Any) -> None:
    """A client brings its own key; other models cannot be asked."""
    check_credentials(model, NAME)
