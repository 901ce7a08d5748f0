"""A server of several workers, seen from outside."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import psutil

from tests.stubs.serving import Server

__all__ = ["logged", "until", "workers_of"]


def workers_of(server: Server) -> list[psutil.Process]:
    """The processes that serve."""
    return psutil.Process(server.pid).children()


def logged(server: Server, event: str) -> list[Mapping[str, Any]]:
    """Every line of that event."""
    lines = (line for line in server.output().splitlines() if f'"event":"{event}"' in line)
    return [json.loads(line) for line in lines]


def until(condition: Callable[[], bool], *, within: float = 60.0) -> None:
    """Waits until it holds; fails when it does not in time (seconds)."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, "it should have come true"
        time.sleep(0.05)
