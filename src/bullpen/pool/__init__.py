"""Lanes: how many runs may go on at once, who waits, and for how long."""

from bullpen.pool.ports import Lane, LaneKind, Pool

__all__ = ["Lane", "LaneKind", "Pool"]
