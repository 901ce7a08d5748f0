"""One try, and no more."""

from agno.models.anthropic import Claude
from agno.models.openai import OpenAIChat
from openai import AsyncOpenAI

from bullpen.llm.attempts import once


async def test_every_retry_is_off() -> None:
    """Agno's own, the SDK's by argument, and the SDK's inside a client that was given."""
    given = AsyncOpenAI(api_key="k", base_url="http://127.0.0.1:1")
    model = OpenAIChat(retries=2, cache_response=True, async_client=given)
    once(model)
    assert (model.retries, model.cache_response, model.max_retries, given.max_retries) == (0, False, 0, 0)
    await given.close()


async def test_a_model_without_the_field_is_told_by_its_client_parameters() -> None:
    """Claude has no `max_retries`; its client, made later, retries nothing and keeps the rest."""
    model = Claude(api_key="k", client_params={"base_url": "http://127.0.0.1:1"})
    once(model)
    client = model.get_async_client()
    assert client.max_retries == 0
    assert str(client.base_url).startswith("http://127.0.0.1:1")
    await client.close()
