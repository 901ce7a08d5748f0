"""The hall: what every request passes, whatever it wants. Plain ASGI classes, outermost first."""

from bullpen.api.middleware.arrival import Arrival
from bullpen.api.middleware.body import BodyLimit
from bullpen.api.middleware.headers import SecurityHeaders

__all__ = ["Arrival", "BodyLimit", "SecurityHeaders"]
