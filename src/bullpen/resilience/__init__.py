"""What keeps a call bounded and a fault small. Today the deadline; breaker, retry and failover join it."""

from bullpen.resilience.deadline import Deadline

__all__ = ["Deadline"]
