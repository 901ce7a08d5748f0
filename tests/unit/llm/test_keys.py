"""A key that is renewed while it is in use."""

import gc
from typing import Any
from weakref import ref

from agno.models.openai import OpenAIChat
from openai import AsyncOpenAI

from bullpen.llm.keys import Key


def test_whoever_was_lent_a_key_gets_its_successor() -> None:
    """At once, and however many there are."""
    key = Key("old")
    borrowers: list[Any] = [OpenAIChat(id="m"), AsyncOpenAI(api_key="x")]
    for each in borrowers:
        key.lend(each)
    assert [each.api_key for each in borrowers] == ["old", "old"]
    key.renew("new")
    assert [each.api_key for each in borrowers] == ["new", "new"]


def test_a_client_the_model_made_for_itself_is_renewed_too() -> None:
    """Agno keeps the client a model made at its first call, with the key of that time."""
    key, model = Key("old"), OpenAIChat(id="m")
    key.lend(model)
    own = model.get_async_client()
    key.renew("new")
    assert isinstance(own, AsyncOpenAI)
    assert own.auth_headers == {"Authorization": "Bearer new"}
    assert model.get_async_client() is own


def test_a_key_keeps_nobody_alive() -> None:
    """A factory makes a model for every lane; those that are gone are forgotten."""
    key, model = Key("old"), OpenAIChat(id="m")
    key.lend(model)
    gone = ref(model)
    del model
    gc.collect()
    assert gone() is None
    key.renew("new")


def test_a_key_does_not_show_itself() -> None:
    """Not even in a log line that shows its holder."""
    assert "private" not in repr({"key": Key("private")})
