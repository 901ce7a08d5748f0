"""The official SDKs' clients: one for each key and address, shared by every model, closed together.

Everything is given explicitly, so that no SDK takes a key or an address from the environment. They retry nothing and
bound only the time to connect: the guard does both. aiohttp is under them: it costs 0.7 ms a call less than httpx.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import httpx2

from bullpen.llm.keys import Key
from bullpen.llm.responses import note

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from openai import AsyncOpenAI

__all__ = ["Clients"]

_CONNECT_TIMEOUT: Final = 5.0
_KEEP_ALIVE: Final = 30.0
_UNLIMITED: Final = 0  # aiohttp's word for it; the pool's lanes are the limit

_OPENAI_URL: Final = "https://api.openai.com/v1"
_ANTHROPIC_URL: Final = "https://api.anthropic.com"


class Clients:
    """Makes a client when it is first asked for. That needs no event loop: connections open on first use."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, Key, str], Any] = {}

    def openai(self, *, key: Key, base_url: str | None = None) -> "AsyncOpenAI":
        """A client for OpenAI, or for an endpoint that speaks its wire."""
        client: AsyncOpenAI = self._shared("openai", "AsyncOpenAI", key, base_url or _OPENAI_URL)
        return client

    def anthropic(self, *, key: Key, base_url: str | None = None) -> "AsyncAnthropic":
        """A client for Anthropic."""
        client: AsyncAnthropic = self._shared("anthropic", "AsyncAnthropic", key, base_url or _ANTHROPIC_URL)
        return client

    async def aclose(self) -> None:
        """Closes every client, the last one first."""
        while self._made:
            _, client = self._made.popitem()
            await client.close()

    def _shared(self, sdk: str, kind: str, key: Key, url: str) -> Any:
        made = self._made.get((sdk, key, url))
        if made is None:
            made = self._made[sdk, key, url] = _client(sdk, kind, key.text, url)
            key.lend(made)
        return made


def _client(sdk: str, kind: str, api_key: str, url: str) -> Any:
    # Imported only here: an SDK takes up to a second and 40 MB, which only those who use it shall pay.
    package = import_module(sdk)
    timeout = httpx2.Timeout(None, connect=_CONNECT_TIMEOUT)
    limits = httpx2.Limits(max_connections=_UNLIMITED, keepalive_expiry=_KEEP_ALIVE)
    http = package.DefaultAioHttpClient(timeout=timeout, limits=limits, event_hooks={"response": [note]})
    make = getattr(package, kind)
    return make(api_key=api_key, base_url=url, max_retries=0, timeout=timeout, http_client=http)
