"""How each provider's model is made: with a client of ours, for an endpoint of one's own, or from Agno's table."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from typing import Any, Final, TypeAlias

from agno.models.base import Model
from agno.models.utils import MODEL_PROVIDER_CLASSES

from bullpen.errors import Misconfigured
from bullpen.llm.attempts import once
from bullpen.llm.call import CallSettings, Endpoint
from bullpen.llm.clients import Clients
from bullpen.llm.credentials import check_credentials
from bullpen.llm.keys import Key
from bullpen.llm.names import OFFLINE
from bullpen.llm.offline import OfflineModel
from bullpen.llm.ports import ModelName
from bullpen.spelling import nearest

__all__ = ["Makers", "Providers"]

# Providers by name: what makes a model of an id.
Makers: TypeAlias = Mapping[str, Callable[[str], Model]]

# OpenAI's reasoning models take no temperature and know the bound of an answer by another name.
_OPENAI_REASONING: Final = re.compile(r"o\d|gpt-[5-9]")
_PIP_INSTALL: Final = re.compile(r"pip install ([\w\-\[\],.]+)")


@dataclass(frozen=True, kw_only=True)
class Providers:
    """Makes raw models, which only a guard may call.

    Attributes:
        keys: API keys by provider.
        base_urls: Other addresses, by provider.
        endpoints: OpenAI-compatible servers by name; such a name wins over Agno's own provider of that name.
        endpoint_keys: The key of each endpoint.
        extra: Further providers, each a maker of models by id.
    """

    clients: Clients
    keys: Mapping[str, Key]
    base_urls: Mapping[str, str]
    endpoints: Mapping[str, Endpoint]
    endpoint_keys: Mapping[str, Key]
    extra: Makers

    def make(self, name: ModelName, call: CallSettings) -> Model:
        """The model called `name`, or `Misconfigured`: no such provider, a key or a package missing."""
        if name.provider in self.extra:
            return self.extra[name.provider](name.id)
        if name.provider in self.endpoints:
            return self._endpoint(name, call)
        official: dict[str, Callable[[ModelName, CallSettings], Model]] = {
            OFFLINE.provider: lambda *_: OfflineModel(),
            "openai": self._openai,
            "openai-chat": self._openai,
            "openai-responses": self._openai_responses,
            "anthropic": self._anthropic,
        }
        return official.get(name.provider, self._from_table)(name, call)

    def _openai(self, name: ModelName, call: CallSettings) -> Model:
        client = self.clients.chat(key=self._key("openai", name), base_url=self.base_urls.get("openai"))
        return _new("agno.models.openai", "OpenAIChat", id=name.id, async_client=client, **_openai_limits(name, call))

    def _openai_responses(self, name: ModelName, call: CallSettings) -> Model:
        client = self.clients.openai(key=self._key("openai", name), base_url=self.base_urls.get("openai"))
        temperature = None if _OPENAI_REASONING.match(name.id) else call.temperature
        limits = {"temperature": temperature, "max_output_tokens": call.max_tokens}
        return _new("agno.models.openai", "OpenAIResponses", id=name.id, async_client=client, **limits)

    def _endpoint(self, name: ModelName, call: CallSettings) -> Model:
        endpoint = self.endpoints[name.provider]
        # OpenAI's own key must not reach somebody else's server, so each has one of its own, if only a word.
        client = self.clients.chat(key=self.endpoint_keys[name.provider], base_url=endpoint.base_url)
        limits = {"temperature": call.temperature, "max_tokens": call.max_tokens}
        return _new(
            "agno.models.openai", "OpenAILike", id=name.id, provider=name.provider, async_client=client, **limits
        )

    def _anthropic(self, name: ModelName, call: CallSettings) -> Model:
        client = self.clients.anthropic(key=self._key("anthropic", name), base_url=self.base_urls.get("anthropic"))
        takes_temperature = import_module("agno.utils.models.claude").supports_sampling_params(name.id)
        limits = {
            # Anthropic demands a bound on the answer: without ours, Agno's default goes.
            **({} if call.max_tokens is None else {"max_tokens": call.max_tokens}),
            "temperature": call.temperature if takes_temperature else None,
        }
        return _new("agno.models.anthropic", "Claude", id=name.id, async_client=client, **limits)

    def _key(self, provider: str, name: ModelName) -> Key:
        key = self.keys.get(provider)
        if key is None:
            variable = f"{provider.upper()}_API_KEY"
            raise Misconfigured(f"The model {name} needs a key. Set {variable}, or choose another model.")
        return key

    def _from_table(self, name: ModelName, call: CallSettings) -> Model:
        kind = self._class(name)
        known = {field.name for field in fields(kind)}
        wanted = {
            "base_url": self.base_urls.get(name.provider),
            "temperature": call.temperature,
            "max_tokens": call.max_tokens,
            "max_output_tokens": call.max_tokens,
        }
        given = {field: value for field, value in wanted.items() if field in known and value is not None}
        model: Model = kind(id=name.id, **given)
        if "api_key" in known and name.provider in self.keys:
            self.keys[name.provider].lend(model)
        once(model)
        check_credentials(model, name)
        return model

    def _class(self, name: ModelName) -> type[Any]:
        if name.provider not in MODEL_PROVIDER_CLASSES:
            raise Misconfigured(self._unknown(name))
        module, kind = MODEL_PROVIDER_CLASSES[name.provider]
        try:
            found: type[Any] = getattr(import_module(module), kind)
        except ImportError as missing:
            package = _package(missing)
            raise Misconfigured(
                f"The model {name} needs the package `{package}`. Install it: pip install {package}"
            ) from missing
        return found

    def _unknown(self, name: ModelName) -> str:
        known = [*self.extra, *self.endpoints, *MODEL_PROVIDER_CLASSES]
        return (
            f"There is no model provider `{name.provider}` (in `{name}`).{nearest(name.provider, known)} "
            "An OpenAI-compatible server is named in the settings: ENDPOINTS__<NAME>__BASE_URL."
        )


def _new(module: str, kind: str, **given: Any) -> Model:
    """A model of Agno's, whose module loads an SDK: only those who use it shall pay for that."""
    model: Model = getattr(import_module(module), kind)(retries=0, **given)
    return model


def _openai_limits(name: ModelName, call: CallSettings) -> dict[str, Any]:
    if _OPENAI_REASONING.match(name.id):
        return {"max_completion_tokens": call.max_tokens}
    return {"temperature": call.temperature, "max_tokens": call.max_tokens}


def _package(missing: ImportError) -> str:
    """The package Agno says to install, or the module that is not there."""
    told = _PIP_INSTALL.search(str(missing))
    return told[1].rstrip(".,") if told else (missing.name or "?").partition(".")[0]
