"""Every model of one process: by name, or a user's own, and each behind a guard."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from agno.models.base import Model

from bullpen.llm.attempts import once
from bullpen.llm.call import CallSettings, Endpoint
from bullpen.llm.clients import ANTHROPIC_URL, OPENAI_URL, ClientKind, Clients
from bullpen.llm.credentials import check_credentials, lend
from bullpen.llm.guarded import GuardedModel, guarded
from bullpen.llm.keys import NO_KEY, Key
from bullpen.llm.link import Link
from bullpen.llm.metered import Meter
from bullpen.llm.names import OFFLINE, TIERS, Names
from bullpen.llm.ports import Budget, ModelName, Prices, UsageSink
from bullpen.llm.preferences import Preferences
from bullpen.llm.probes import Door, doors_of
from bullpen.llm.providers import Makers, Providers
from bullpen.llm.safeguards import Safeguards

__all__ = ["Models"]

_NOTHING: Mapping[str, str] = {}


class Models:
    """Makes guarded models. One instance a process, closed by `aclose`."""

    def __init__(
        self,
        *,
        prices: Prices,
        usage: UsageSink,
        budget: Budget,
        safeguards: Safeguards,
        preferences: Preferences | None = None,
        chat: ClientKind = "slim",
        connect_timeout: float = 5.0,
        first_token: float | None = None,
        between_tokens: float | None = None,
        default: str | None = None,
        aliases: Mapping[str, str] = _NOTHING,
        keys: Mapping[str, str] = _NOTHING,
        base_urls: Mapping[str, str] = _NOTHING,
        endpoints: Mapping[str, Endpoint] | None = None,
        providers: Makers | None = None,
        known: set[ModelName] | None = None,
    ) -> None:
        """Nothing is opened yet, and no event loop is needed.

        Args:
            prices: What tokens cost.
            usage: Where every attempt is booked.
            budget: Whether a call may be paid for; see `llm.local` for one that lets every call be.
            safeguards: Who is let through to a model.
            preferences: Which models stand back for now.
            chat: Which client speaks OpenAI's chat wire.
            connect_timeout: Seconds until a provider must be connected to.
            first_token: Seconds until a stream's first token, where an agent does not say.
            between_tokens: Seconds of silence between two tokens, where an agent does not say.
            default: What `fast` and `strong` mean (`MODEL_NAME`).
            aliases: What an alias means; wins over `default`.
            keys: API keys by provider, such as `openai`.
            base_urls: Other addresses of providers, by the same names.
            endpoints: OpenAI-compatible servers by name.
            providers: Further providers: what makes a model of an id.
            known: Gets the name of every model guarded here, so that it may be a metric label.
        """
        self._keys = {provider: Key(key) for provider, key in keys.items() if key}
        self._endpoint_keys = {name: Key(each.api_key or NO_KEY) for name, each in (endpoints or {}).items()}
        self.known: set[ModelName] = set() if known is None else known
        self._names = Names(default=default, aliases=aliases, providers=frozenset(self._keys))
        self._clients = Clients(chat=chat, connect_timeout=connect_timeout)
        self._providers = Providers(
            clients=self._clients,
            keys=self._keys,
            base_urls=base_urls,
            endpoints=endpoints or {},
            endpoint_keys=self._endpoint_keys,
            extra=providers or {},
        )
        self.preferences = preferences or Preferences()
        self._first_token = first_token
        self._between_tokens = between_tokens
        self._meter = Meter(
            prices=prices,
            usage=usage,
            budget=budget,
            safeguards=safeguards,
            preferences=self.preferences,
        )

    @property
    def aliases(self) -> Mapping[str, ModelName]:
        """What every alias means now; `Misconfigured` when one means nothing."""
        return {alias: self.resolve(alias) for alias in sorted({*TIERS, *self._names.aliases})}

    @property
    def offline_only(self) -> bool:
        """Whether no alias means anything but the offline model, because there is no key and nothing else was said."""
        return all(name == OFFLINE for name in self.aliases.values())

    @property
    def doors(self) -> Sequence[Door]:
        """Where the providers of every model guarded here answer, as far as their addresses are known."""
        official = {"openai": OPENAI_URL, "anthropic": ANTHROPIC_URL}
        return doors_of(
            self.known,
            keys=self._keys,
            base_urls={**official, **self._providers.base_urls},
            endpoints=self._providers.endpoints,
            endpoint_keys=self._endpoint_keys,
        )

    def resolve(self, name: str) -> ModelName:
        """The model that a name, an alias or `provider:model` means, or `Misconfigured`."""
        return self._names.resolve(name)

    def build(self, name: str, *, call: CallSettings) -> GuardedModel:
        """A guarded model of its own, sharing its provider's client with all others.

        A fallback that means a model that is in the chain already is left out: asking it again is a retry.

        Raises:
            Misconfigured: The name, or one of the fallbacks', means nothing, or its key or package is missing.
        """
        names = dict.fromkeys(map(self.resolve, (name, *call.fallbacks)))
        return self._guarded([self._link(each, call) for each in names], call)

    def guard(self, model: Model, *, call: CallSettings) -> GuardedModel:
        """A guard around a user's own model, which keeps its own settings; a guard is returned as it is.

        One that has no key is lent the server's. Agno marks a model with the one role it plays: give each role a guard
        of its own. The model's own retries and response cache are switched off, for the guard is the one place that
        retries.
        """
        if isinstance(model, GuardedModel):
            return model
        once(model)
        lend(model, self._keys)
        name = _name_of(model)
        others = [each for each in dict.fromkeys(map(self.resolve, call.fallbacks)) if each != name]
        return self._guarded([Link(name, model), *(self._link(each, call) for each in others)], call)

    def check(self, model: Model) -> None:
        """Raises `Misconfigured` when a user's own model has no key, and there is none to lend it."""
        lend(model, self._keys)
        check_credentials(model, _name_of(model))

    def renew(self, provider: str, key: str) -> None:
        """Calls the provider with another key from the next call on; calls under way end as they began."""
        self._keys[provider].renew(key)

    def renew_endpoint(self, name: str, key: str) -> None:
        """The same for an endpoint of one's own."""
        self._endpoint_keys[name].renew(key)

    async def aclose(self) -> None:
        """Closes every client. Models made here cannot be called afterwards."""
        await self._clients.aclose()

    def _link(self, name: ModelName, call: CallSettings) -> Link:
        return Link(name, self._providers.make(name, call))

    def _guarded(self, chain: Collection[Link], call: CallSettings) -> GuardedModel:
        self.known.update(link.name for link in chain)
        bounded = replace(
            call,
            first_token=call.first_token or self._first_token,
            between_tokens=call.between_tokens or self._between_tokens,
        )
        return guarded(tuple(chain), call=bounded, meter=self._meter)


def _name_of(model: Model) -> ModelName:
    """As `provider:model` writes it. Agno fills an unset provider with `{name} ({id})`."""
    provider = (model.provider or type(model).__name__).partition(" (")[0]
    return ModelName(provider.lower().replace(" ", "-"), model.id)
