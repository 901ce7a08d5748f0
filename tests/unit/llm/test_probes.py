"""Whether model providers answer."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from bullpen.errors import ModelCredentials, ModelUnavailable
from bullpen.llm.call import Endpoint
from bullpen.llm.keys import Key
from bullpen.llm.ports import ModelName
from bullpen.llm.probes import Door, Probes, Wire, doors_of
from tests.stubs.ports import free_port


class Provider:
    """Answers every request with `status`, and remembers what it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.asked: list[web.Request] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        return web.Response(status=self.status, headers={"Location": "/elsewhere"}, body=b"x" * 100_000)


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    provider = Provider()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", provider.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield provider
    await runner.cleanup()


@pytest.fixture
async def probes() -> AsyncIterator[Probes]:
    probes = Probes([])
    yield probes
    await probes.aclose()


def door(url: str, *, wire: Wire = "openai", key: Key | None = None) -> Door:
    return Door(provider="acme", wire=wire, base_url=url, key=key or Key("k-1"))


async def test_openais_list_is_asked_for(provider: Provider, probes: Probes) -> None:
    """`GET /models` below the base URL, with the key as bearer."""
    await probes.knock(door(f"{provider.url}/v1/"))
    (asked,) = provider.asked
    assert (asked.method, asked.path) == ("GET", "/v1/models")
    assert asked.headers["Authorization"] == "Bearer k-1"


async def test_anthropics_list_is_asked_for(provider: Provider, probes: Probes) -> None:
    """`GET /v1/models`, with the key and the version in its own headers."""
    await probes.knock(door(provider.url, wire="anthropic"))
    (asked,) = provider.asked
    assert (asked.method, asked.path) == ("GET", "/v1/models")
    assert asked.headers["x-api-key"] == "k-1"
    assert asked.headers["anthropic-version"]
    assert "Authorization" not in asked.headers


async def test_a_renewed_key_is_used(provider: Provider, probes: Probes) -> None:
    """From the next probe on."""
    key = Key("k-1")
    at = door(provider.url, key=key)
    await probes.knock(at)
    key.renew("k-2")
    await probes.knock(at)
    assert [each.headers["Authorization"] for each in provider.asked] == ["Bearer k-1", "Bearer k-2"]


@pytest.mark.parametrize("status", [200, 204, 302, 400, 404, 405, 429])
async def test_whatever_answers_is_there(provider: Provider, probes: Probes, status: int) -> None:
    """A 404 keeps no list, and a 429 is busy; a redirect is not followed, for the key is not for there."""
    provider.status = status
    await probes.knock(door(provider.url))
    assert len(provider.asked) == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_told(provider: Provider, probes: Probes, status: int) -> None:
    """By a kind of its own, and without the key."""
    provider.status = status
    with pytest.raises(ModelCredentials) as raised:
        await probes.knock(door(provider.url))
    assert "k-1" not in str(raised.value)


@pytest.mark.parametrize("status", [500, 503, 529])
async def test_a_broken_provider_is_not_there(provider: Provider, probes: Probes, status: int) -> None:
    """It says so itself."""
    provider.status = status
    with pytest.raises(ModelUnavailable):
        await probes.knock(door(provider.url))


async def test_a_provider_that_cannot_be_reached(probes: Probes) -> None:
    """Nothing listens; the next probe tries again, with the same client."""
    for _ in range(2):
        with pytest.raises(ModelUnavailable):
            await probes.knock(door(f"http://127.0.0.1:{free_port()}"))


async def test_a_probe_can_be_left(probes: Probes) -> None:
    """Cancelled while a server is silent, it is gone, and its connection with it."""
    silent = asyncio.Event()
    gone = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        silent.set()
        await reader.read()
        writer.close()
        gone.set()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        probe = asyncio.create_task(probes.knock(door(f"http://127.0.0.1:{port}")))
        await silent.wait()
        probe.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probe
        await gone.wait()


async def test_each_provider_has_a_check_of_its_own(provider: Provider) -> None:
    """By its name; without one nothing is opened."""
    probes = Probes([door(provider.url)])
    assert list(probes.checks) == ["acme"]
    await probes.checks["acme"]()
    assert len(provider.asked) == 1
    await probes.aclose()
    await Probes([]).aclose()


def doors(*models: str) -> dict[str, tuple[str, str, str]]:
    """Wire, address and key of each door, by provider."""
    found = doors_of(
        [ModelName(*each.split(":")) for each in models],
        keys={"openai": Key("k-o"), "anthropic": Key("k-a")},
        base_urls={"openai": "https://openai.test/v1", "anthropic": "https://anthropic.test"},
        endpoints={"vllm": Endpoint(base_url="http://vllm.test/v1"), "groq": Endpoint(base_url="http://groq.test/v1")},
        endpoint_keys={"vllm": Key("none"), "groq": Key("k-g")},
    )
    return {each.provider: (each.wire, each.base_url, each.key.text) for each in found}


def test_each_provider_in_use_is_one_door() -> None:
    """However many models it has and under whatever name; an endpoint has its own address and key."""
    assert doors("openai:a", "openai:b", "openai-responses:c", "anthropic:d", "groq:e") == {
        "anthropic": ("anthropic", "https://anthropic.test", "k-a"),
        "groq": ("openai", "http://groq.test/v1", "k-g"),
        "openai": ("openai", "https://openai.test/v1", "k-o"),
    }


def test_what_is_not_used_is_not_knocked_at() -> None:
    """A key that lies about is shown to nobody; offline, and a provider only Agno knows, have no door."""
    assert doors("offline:offline", "mistral:m") == {}
