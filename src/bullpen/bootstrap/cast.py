"""Who can work: the models, the tools and the agents, read and checked. Nothing of it is connected yet."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import AnyHttpUrl

from bullpen import __version__
from bullpen.agents import Catalogue, Toolbox
from bullpen.bootstrap.safeguards import safeguards_alone
from bullpen.bootstrap.stores import plain
from bullpen.costs.prices import PriceList
from bullpen.costs.usage import MeteredUsage
from bullpen.errors import Misconfigured
from bullpen.llm import Endpoint, Makers, ModelName, Models, Safeguards
from bullpen.llm.local import AllowAll
from bullpen.settings import Settings
from bullpen.telemetry import Metrics

__all__ = ["Cast", "cast"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """What `bullpen agents check` looks at."""

    metrics: Metrics
    safeguards: Safeguards
    models: Models
    toolbox: Toolbox
    catalogue: Catalogue


def cast(
    settings: Settings,
    *,
    providers: Makers | None = None,
    wrong: Sequence[str] = (),
    metrics: Metrics | None = None,
    safeguards: Safeguards | None = None,
) -> Cast:
    """Reads the catalogue and checks it. Without safeguards of its own, those of this process alone stand before calls.

    Raises:
        Misconfigured: Names everything that is wrong with the models, the tools and the agents, and before that what
            the caller has found `wrong`.
    """
    metrics = metrics or Metrics(version=__version__)
    safeguards = safeguards or safeguards_alone(settings, metrics=metrics)
    try:
        models = _models(settings, metrics, safeguards, providers or {})
        toolbox = Toolbox.load(settings.config_dir / "tools.yaml")
        catalogue = Catalogue.load(settings.config_dir / "agents", models=models, toolbox=toolbox)
    except Misconfigured as error:
        raise Misconfigured(*wrong, *error.problems) from error
    if wrong:
        raise Misconfigured(*wrong)
    return Cast(metrics=metrics, safeguards=safeguards, models=models, toolbox=toolbox, catalogue=catalogue)


def _models(settings: Settings, metrics: Metrics, safeguards: Safeguards, providers: Makers) -> Models:
    known: set[ModelName] = set()
    prices = PriceList(
        metrics=metrics,
        known=known,
        overrides=settings.prices_file,
        free_providers={"offline", *settings.endpoints, *providers},
    )
    keys = {"openai": settings.openai_api_key, "anthropic": settings.anthropic_api_key}
    addresses = {"openai": settings.openai_base_url, "anthropic": settings.anthropic_base_url}
    return Models(
        default=settings.model_name,
        aliases=settings.models,
        keys={name: key.get_secret_value() for name, key in keys.items() if key},
        base_urls={name: _address(url) for name, url in addresses.items() if url},
        endpoints={
            name: Endpoint(base_url=_address(each.base_url), api_key=plain(each.api_key))
            for name, each in settings.endpoints.items()
        },
        prices=prices,
        usage=MeteredUsage(metrics=metrics, known=known),
        budget=AllowAll(),
        safeguards=safeguards,
        chat=settings.llm.client,
        connect_timeout=settings.llm.connect_timeout,
        first_token=settings.llm.first_token_timeout,
        between_tokens=settings.llm.between_tokens_timeout,
        providers=providers,
        known=known,
    )


def _address(url: AnyHttpUrl) -> str:
    return str(url).rstrip("/")
