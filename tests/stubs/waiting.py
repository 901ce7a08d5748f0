"""Waiting for what happens in another process."""

import time
from collections.abc import Callable

__all__ = ["until"]


def until(holds: Callable[[], bool], *, within: float = 30.0) -> None:
    """Asks again and again; fails when it does not hold `within` seconds."""
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, f"It did not come true within {within:g} s."
        time.sleep(0.02)
