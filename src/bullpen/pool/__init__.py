"""Lanes: how many runs may go on at once, who waits, in which order, and for how long."""

from bullpen.pool.ports import Lane, LaneKind, Places, Pool, Pressure

__all__ = ["Lane", "LaneKind", "Places", "Pool", "Pressure"]
