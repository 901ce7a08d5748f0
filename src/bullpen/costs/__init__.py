"""Money: what a model call costs, and where every attempt is booked."""

from bullpen.costs.prices import PriceList
from bullpen.costs.usage import MeteredUsage

__all__ = ["MeteredUsage", "PriceList"]
