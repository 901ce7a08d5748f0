"""The slim client itself; that it is as good as the SDK's is shown by the contract suite."""

import asyncio

import pytest
from aiohttp import ClientError

from bullpen.llm.responses import Answers
from bullpen.llm.slim import SlimClient
from tests.stubs.puppet import Puppet, answer

COMPLETION = {"choices": [{"message": {"content": "hi"}}]}


def client(url: str) -> SlimClient:
    return SlimClient(api_key="old", base_url=url, connect_timeout=5, keep_alive=30)


async def ask(slim: SlimClient) -> str:
    answered = await slim.chat.completions.create(model="m", messages=[])
    return str(answered.choices[0].message.content)


@pytest.mark.parametrize("base", ["http://127.0.0.1:1/v1", "http://127.0.0.1:1/v1/"])
def test_it_is_made_without_an_event_loop(base: str) -> None:
    """And knows where it asks, with a slash or without."""
    slim = client(base)
    assert str(slim.base_url) == "http://127.0.0.1:1/v1/"
    assert not slim.is_closed()


async def test_a_call_is_one_request_over_a_kept_connection() -> None:
    """The key is read at every call; nothing is asked compressed, and no cookie comes back."""
    async with Puppet([answer(COMPLETION, set_cookie="a=b")]) as puppet:
        slim = client(puppet.url)
        assert await ask(slim) == "hi"
        slim.api_key = "new"
        assert await ask(slim) == "hi"
        await slim.close()
    first, second = puppet.asked
    assert puppet.connections == 1
    assert (first.target, first.body) == ("/v1/chat/completions", {"model": "m", "messages": []})
    assert [each.headers["authorization"] for each in (first, second)] == ["Bearer old", "Bearer new"]
    assert first.headers["accept-encoding"] == "identity"
    assert "cookie" not in second.headers


async def test_what_is_given_beside_the_body_goes_where_it_belongs() -> None:
    """Agno hands on headers, a query and members the wire does not know; a given header wins over ours."""
    async with Puppet([answer(COMPLETION)]) as puppet:
        slim = client(puppet.url)
        await slim.create(
            model="m",
            extra_headers={"accept": "text/plain", "X-Own": "1"},
            extra_query={"version": "2 3"},
            extra_body={"top_k": 3},
        )
        await slim.close()
    (asked,) = puppet.asked
    assert asked.target == "/v1/chat/completions?version=2+3"
    assert asked.body == {"model": "m", "top_k": 3}
    assert (asked.headers["accept"], asked.headers["x-own"]) == ("text/plain", "1")


async def test_a_closed_client_is_closed() -> None:
    """Twice is once, and what was under way breaks off."""
    async with Puppet(["hang"]) as puppet:
        slim = client(puppet.url)
        asking = asyncio.create_task(ask(slim))
        await puppet.hanging.wait()
        await slim.close()
        await slim.close()
        with pytest.raises(ClientError):
            await asking
    assert slim.is_closed()
    await client("http://127.0.0.1:1/v1").close()


async def test_an_answer_nobody_collects_is_no_matter() -> None:
    """The client can be used outside a metered call."""
    async with Puppet([answer(COMPLETION)]) as puppet:
        slim, answers = client(puppet.url), Answers("key")
        assert await ask(slim) == "hi"
        await slim.close()
    assert answers.headers is None
    assert "idempotency-key" not in puppet.asked[0].headers
