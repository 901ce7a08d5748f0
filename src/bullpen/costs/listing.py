"""The public price list that comes with genai-prices, read from the installed package and nowhere else.

The snapshot is made here from the bundled data, not taken from the library's global: no updater that other code may
start can change what Bullpen charges, and nothing here opens a connection.
"""

from decimal import Decimal
from importlib import import_module
from typing import Final

from genai_prices.data_snapshot import DataSnapshot
from genai_prices.types import ModelPrice, TieredPrices

from bullpen.costs.rates import Rate, Steps, Tariff

__all__ = ["Listing"]

_CALLS_PER_KCOUNT: Final = 1_000

_NAMES: Final = {
    "aws-claude": "aws",
    "azure-ai-foundry": "azure",
    "azure-foundry-claude": "azure",
    "openrouter-responses": "openrouter",
    "xai-responses": "x-ai",
}
"""Agno's names of providers that the list does not recognise by itself."""


class Listing:
    """Tariffs by provider and model.

    Only input and output tokens and the price of a call are taken over: what Bullpen meters. Cached prompt tokens are
    therefore charged in full, never too little.
    """

    def __init__(self) -> None:
        # The data take a third of a second to load: commands that price nothing shall not pay for it.
        data = import_module("genai_prices.data")
        self._snapshot = DataSnapshot(providers=data.providers, from_auto_update=False)

    def find(self, provider: str, model_id: str) -> Tariff | None:
        """The tariff of a model, or None when the list does not have it."""
        try:
            _, model = self._snapshot.find_provider_model(model_id, None, _NAMES.get(provider, provider), None)
        except LookupError:
            return None
        if isinstance(model.prices, ModelPrice):
            return Tariff(_rate(model.prices))
        first, *later = model.prices
        timed = ((entry.constraint, _rate(entry.prices)) for entry in reversed(later))
        return Tariff(
            _rate(first.prices),
            tuple((constraint.active if constraint else _always, rate) for constraint, rate in timed),
        )


def _always(_: object) -> bool:
    return True


def _rate(prices: ModelPrice) -> Rate | None:
    if prices.input_mtok is None and prices.output_mtok is None:
        return None
    call = prices.requests_kcount
    per_thousand = call.base if isinstance(call, TieredPrices) else call or Decimal(0)
    return Rate(_steps(prices.input_mtok), _steps(prices.output_mtok), per_thousand * 1_000_000 / _CALLS_PER_KCOUNT)


def _steps(price: Decimal | TieredPrices | None) -> Steps:
    if isinstance(price, TieredPrices):
        return (*((tier.start, tier.price) for tier in reversed(price.tiers)), (-1, price.base))
    return ((-1, price or Decimal(0)),)
