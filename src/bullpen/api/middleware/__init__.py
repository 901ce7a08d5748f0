"""The hall: what every request passes, whatever it wants. Plain ASGI classes, outermost first."""

from bullpen.api.middleware.arrival import Arrival
from bullpen.api.middleware.body import BodyLimit

__all__ = ["Arrival", "BodyLimit"]
