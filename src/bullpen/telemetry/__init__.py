"""What the service says about itself: metrics, logs and, from the ops issue, traces."""

from bullpen.telemetry.metrics import Metrics

__all__ = ["Metrics"]
