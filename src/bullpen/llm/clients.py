"""The providers' clients: one for each key and address, shared by every model, closed together.

Everything is given explicitly, so that no SDK takes a key or an address from the environment. They retry nothing and
bound only the time to connect: the guard does both. Under all of them is aiohttp: with it an SDK costs 0.7 ms a call
less than with httpx. OpenAI's chat wire has a client of our own too, which costs a third of that (ADR 0023).
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import httpx2

from bullpen.llm.keys import Key
from bullpen.llm.responses import note, stamp

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from openai import AsyncOpenAI

    from bullpen.llm.slim import SlimClient

__all__ = ["ANTHROPIC_URL", "OPENAI_URL", "ClientKind", "Clients"]

ClientKind: TypeAlias = Literal["sdk", "slim"]

_CONNECT_TIMEOUT: Final = 5.0
_KEEP_ALIVE: Final = 30.0
_UNLIMITED: Final = 0  # aiohttp's word for it; the pool's lanes are the limit

OPENAI_URL: Final = "https://api.openai.com/v1"
ANTHROPIC_URL: Final = "https://api.anthropic.com"


class Clients:
    """Makes a client when it is first asked for. That needs no event loop: connections open on first use."""

    def __init__(self, *, chat: ClientKind = "slim", connect_timeout: float = _CONNECT_TIMEOUT) -> None:
        """Makes none yet.

        Args:
            chat: Which client speaks OpenAI's chat wire.
            connect_timeout: From looking up the name to the end of TLS's handshake, seconds.
        """
        self._chat = chat
        self._connect_timeout = connect_timeout
        self._made: dict[tuple[str, Key, str], Any] = {}

    def chat(self, *, key: Key, base_url: str | None = None) -> "SlimClient | AsyncOpenAI":
        """A client for OpenAI's chat wire, which many servers speak."""
        if self._chat == "sdk":
            return self.openai(key=key, base_url=base_url)
        url = base_url or OPENAI_URL
        made: SlimClient = self._shared("slim", key, url, lambda: _slim(key.text, url, self._connect_timeout))
        return made

    def openai(self, *, key: Key, base_url: str | None = None) -> "AsyncOpenAI":
        """The SDK's client for OpenAI, or for an endpoint that speaks one of its wires."""
        client: AsyncOpenAI = self._sdk("openai", "AsyncOpenAI", key, base_url or OPENAI_URL)
        return client

    def anthropic(self, *, key: Key, base_url: str | None = None) -> "AsyncAnthropic":
        """The SDK's client for Anthropic."""
        client: AsyncAnthropic = self._sdk("anthropic", "AsyncAnthropic", key, base_url or ANTHROPIC_URL)
        return client

    async def aclose(self) -> None:
        """Closes every client, the last one first."""
        while self._made:
            _, client = self._made.popitem()
            await client.close()

    def _sdk(self, sdk: str, kind: str, key: Key, url: str) -> Any:
        return self._shared(sdk, key, url, lambda: _client(sdk, kind, key.text, url, self._connect_timeout))

    def _shared(self, sdk: str, key: Key, url: str, make: Callable[[], Any]) -> Any:
        made = self._made.get((sdk, key, url))
        if made is None:
            made = self._made[sdk, key, url] = make()
            key.lend(made)
        return made


# Imported only here: an SDK takes up to a second and 40 MB, aiohttp its share, and only those who use them shall pay.


def _slim(api_key: str, url: str, connect_timeout: float) -> Any:
    make = import_module("bullpen.llm.slim").SlimClient
    return make(api_key=api_key, base_url=url, connect_timeout=connect_timeout, keep_alive=_KEEP_ALIVE)


def _client(sdk: str, kind: str, api_key: str, url: str, connect_timeout: float) -> Any:
    package = import_module(sdk)
    # On aiohttp the wait for a connection includes looking up the name and TLS's handshake.
    timeout = httpx2.Timeout(None, connect=connect_timeout, pool=connect_timeout)
    limits = httpx2.Limits(max_connections=_UNLIMITED, keepalive_expiry=_KEEP_ALIVE)
    hooks: dict[str, list[Any]] = {"request": [stamp], "response": [note]}
    http = package.DefaultAioHttpClient(timeout=timeout, limits=limits, event_hooks=hooks)
    make = getattr(package, kind)
    return make(api_key=api_key, base_url=url, max_retries=0, timeout=timeout, http_client=http)
