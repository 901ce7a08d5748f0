"""What tokens cost: the operator's prices first, then the public list."""

from collections.abc import Collection, Container
from functools import lru_cache
from pathlib import Path
from typing import Final

import structlog

from bullpen.clock import Clock, SystemClock
from bullpen.costs.labels import label
from bullpen.costs.listing import Listing
from bullpen.costs.overrides import read_overrides
from bullpen.costs.rates import FREE, Tariff
from bullpen.llm.ports import ModelName
from bullpen.telemetry import Metrics

__all__ = ["PriceList"]

_log = structlog.get_logger("bullpen.costs")

_REMEMBERED: Final = 1024


class PriceList:
    """Implements `llm.ports.Prices` from files alone.

    Failure mode: open. A model with no price costs 0, is counted once a call in `unpriced_calls_total` and logged
    once; no call ever fails for its price.
    """

    def __init__(
        self,
        *,
        metrics: Metrics,
        known: Container[ModelName],
        overrides: Path | None = None,
        free_providers: Collection[str] = (),
        clock: Clock | None = None,
    ) -> None:
        """Reads every file now, so that no call does.

        Args:
            metrics: Where unpriced calls are counted.
            known: Models that may be metric labels; may grow later.
            overrides: A file of the operator's own prices; they win over everything.
            free_providers: Providers whose models cost nothing: the offline one, and endpoints of one's own.
            clock: Tells which of a model's prices by date or hour is in force.

        Raises:
            Misconfigured: The overrides are wrong.
        """
        self._metrics = metrics
        self._known = known
        self._overrides = {} if overrides is None else read_overrides(overrides)
        self._free = frozenset(free_providers)
        self._listing = Listing()
        self._clock = clock or SystemClock()
        self._tariff = lru_cache(maxsize=_REMEMBERED)(self._look_up)

    def cost(self, model: ModelName, *, input_tokens: int, output_tokens: int) -> int:
        """Micro-dollars, rounded half up once; 0 for a model with no price."""
        rate = self._tariff(model).at(self._clock.now())
        if rate is not None:
            return rate.cost(input_tokens=input_tokens, output_tokens=output_tokens)
        name = label(model, self._known)
        self._metrics.unpriced_calls_total.labels(name.provider, name.id).inc()
        return 0

    def _look_up(self, model: ModelName) -> Tariff:
        if model in self._overrides:
            return Tariff(self._overrides[model])
        if model.provider in self._free:
            return FREE
        tariff = self._listing.find(model.provider, model.id)
        if tariff is None or tariff.at(self._clock.now()) is None:
            _log.warning("model_unpriced", model=str(model), remedy="Give it a price in the price file.")
        return tariff or Tariff(None)
