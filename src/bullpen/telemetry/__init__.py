"""What the service says about itself: metrics, logs and, from the ops issue, traces."""

from bullpen.telemetry.lag import Lateness, LoopLag
from bullpen.telemetry.metrics import CONTENT_TYPE, Metrics
from bullpen.telemetry.stall import StallWatch

__all__ = ["CONTENT_TYPE", "Lateness", "LoopLag", "Metrics", "StallWatch"]
