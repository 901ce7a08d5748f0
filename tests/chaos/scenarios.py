"""Every fault there is, in the order they are tried, each in the house it is tried in."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from tests.chaos import crowding, dependencies, replicas, sickness
from tests.chaos.finding import Finding
from tests.chaos.house import Size

__all__ = ["SCENARIOS", "SHORT", "Scenario"]

# A house is of one kind, and its scenarios take that kind: the table pairs them, not the types.
_Open = Callable[[Path, Size], AbstractContextManager[Any]]
_Run = Callable[[Any], Awaitable[Finding]]

SHORT: Final = Size(rate=8, before=1, fault=1, warm_up=0.5, scale=0.1, slack=0.5, in_a_row=6)
"""For the suite, where a processor is shared and the figures are not the point."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One fault: where it is tried, and how."""

    name: str
    house: _Open
    run: _Run


def _hospital(name: str, run: _Run) -> Scenario:
    return Scenario(name, sickness.hospital, run)


SCENARIOS: Final = (
    _hospital("fail20", sickness.failing),
    _hospital("dead5", sickness.dead),
    _hospital("busy", sickness.limiting),
    *(_hospital(name, partial(sickness.broken, name=name)) for name in sickness.BROKEN_MODELS),
    *(_hospital(name, partial(sickness.unreachable, name=name)) for name in ("dns", "refused")),
    _hospital("blocking", sickness.blocking),
    _hospital("vanished", sickness.vanished),
    Scenario("redis", dependencies.shared, dependencies.redis_killed),
    Scenario("database", dependencies.shared, dependencies.locked),
    Scenario("clock", dependencies.shared, dependencies.jumping),
    Scenario("overload", crowding.small_house, crowding.overloaded),
    Scenario("noisy", crowding.small_house, crowding.noisy),
    Scenario("sigterm", replicas.pair, replicas.terminated),
    Scenario("sighup", replicas.workshop, replicas.reloaded),
)
