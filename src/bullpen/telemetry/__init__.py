"""What the service says about itself: metrics, logs and, from the ops issue, traces."""

from bullpen.telemetry.lag import LoopLag
from bullpen.telemetry.metrics import CONTENT_TYPE, Metrics

__all__ = ["CONTENT_TYPE", "LoopLag", "Metrics"]
