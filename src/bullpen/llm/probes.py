"""Whether model providers answer, asked in a way that costs nothing: by their list of models.

No tokens are spent and nothing is booked. What a provider says here is about its door: that one of its models can
answer is only known to whoever calls it.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, TypeAlias

import httpx2

from bullpen.errors import ModelCredentials, ModelTimeout, ModelUnavailable
from bullpen.llm.call import Endpoint
from bullpen.llm.keys import Key
from bullpen.llm.ports import ModelName

__all__ = ["Door", "Probes", "Wire", "doors_of"]

Wire: TypeAlias = Literal["openai", "anthropic"]

# What providers speak whose key and address are known here. Some have several names.
_WIRES: Final[Mapping[str, Wire]] = {"openai": "openai", "anthropic": "anthropic"}
_FAMILIES: Final = {"openai-chat": "openai", "openai-responses": "openai"}

_TIMEOUT: Final = 5.0
_REFUSED: Final = frozenset({401, 403})
_BROKEN: Final = 500  # this status and above
_ANTHROPIC_VERSION: Final = "2023-06-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where a provider answers.

    Attributes:
        provider: Its name, as in `provider:model`.
        wire: What it speaks.
        base_url: Its address as its client has it: OpenAI's ends in `/v1`, Anthropic's does not.
        key: Read at every probe, so a renewed one is used.
    """

    provider: str
    wire: Wire
    base_url: str
    key: Key


class Probes:
    """Knocks at each door when asked to.

    It has connections of its own, so that a probe waits for no call, and no call for a probe.
    """

    def __init__(self, doors: Sequence[Door]) -> None:
        """Opens nothing yet, and loads no certificates."""
        self._doors = tuple(doors)
        self._client: httpx2.AsyncClient | None = None

    @property
    def checks(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What `knock` does, for each provider by its name."""
        return {door.provider: partial(self.knock, door) for door in self._doors}

    async def knock(self, door: Door) -> None:
        """Returns when the provider answers; a 404 is an answer of one that keeps no list.

        Raises:
            ModelCredentials: It refuses the key.
            ModelTimeout: It did not answer in time.
            ModelUnavailable: It cannot be reached, or says that it is broken.
        """
        status = await self._status(door)
        if status in _REFUSED:
            raise ModelCredentials(f"The provider {door.provider} refuses this server's key. Look at the key.")
        if status >= _BROKEN:
            raise ModelUnavailable(f"The provider {door.provider} answers with status {status}.")

    async def aclose(self) -> None:
        """Closes its connections."""
        if self._client is not None:
            await self._client.aclose()

    async def _status(self, door: Door) -> int:
        if self._client is None:
            self._client = httpx2.AsyncClient(timeout=_TIMEOUT)
        try:
            # Only the head is read: a list may be long, and nobody here wants it. Redirects are not followed, because
            # the key is for this address.
            async with self._client.stream("GET", _address(door), headers=_headers(door)) as answer:
                return answer.status_code
        except httpx2.TimeoutException as error:
            raise ModelTimeout(f"The provider {door.provider} did not answer in {_TIMEOUT:g} s.") from error
        except (httpx2.HTTPError, OSError) as error:
            raise ModelUnavailable(f"The provider {door.provider} cannot be reached. Look at its address.") from error


def doors_of(
    models: Iterable[ModelName],
    *,
    keys: Mapping[str, Key],
    base_urls: Mapping[str, str],
    endpoints: Mapping[str, Endpoint],
    endpoint_keys: Mapping[str, Key],
) -> list[Door]:
    """Where the providers of these models answer, each once; one that only Agno knows the way to is left out.

    Args:
        models: Those in use: a key that is set and not used is shown to nobody.
        keys: By provider.
        base_urls: By provider, the official ones included.
        endpoints: Servers of one's own; such a name wins over a provider's.
        endpoint_keys: The key of each.
    """
    found = []
    for provider in sorted({_FAMILIES.get(name.provider, name.provider) for name in models}):
        if provider in endpoints:
            url, key = endpoints[provider].base_url, endpoint_keys[provider]
            found.append(Door(provider=provider, wire="openai", base_url=url, key=key))
        elif provider in _WIRES and provider in keys:
            url, key = base_urls[provider], keys[provider]
            found.append(Door(provider=provider, wire=_WIRES[provider], base_url=url, key=key))
    return found


def _address(door: Door) -> str:
    below = "/v1/models" if door.wire == "anthropic" else "/models"
    return door.base_url.rstrip("/") + below


def _headers(door: Door) -> Mapping[str, str]:
    if door.wire == "anthropic":
        return {"x-api-key": door.key.text, "anthropic-version": _ANTHROPIC_VERSION}
    return {"Authorization": f"Bearer {door.key.text}"}
