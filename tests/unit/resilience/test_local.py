"""The breakers of one process; tests/contract has what all breakers promise."""

import pytest

from bullpen.errors import CircuitOpen
from bullpen.resilience import BreakerPolicy, Breakers
from bullpen.resilience.local import LocalBreakers
from bullpen.telemetry import Metrics
from tests.stubs.clock import StillClock


async def test_every_number_is_an_argument() -> None:
    """Two failures of which a quarter must be, for three seconds, and one good probe closes it again."""
    clock = StillClock()
    policy = BreakerPolicy(failures=2, ratio=0.25, window=10, open_seconds=3, successes=1, lease=1)
    breakers: Breakers = LocalBreakers(metrics=Metrics(), policy=policy, clock=clock)
    for outcome in ("success", "success", "success", "success", "success", "success", "failure"):
        (await breakers.enter("a:b")).leave("success" if outcome == "success" else "failure")
    (await breakers.enter("a:b")).leave("failure")
    with pytest.raises(CircuitOpen):
        await breakers.enter("a:b")
    clock.pass_time(3)
    await breakers.enter("a:b")
    clock.pass_time(1)
    (await breakers.enter("a:b")).leave("success")
    assert [each["state"] for each in breakers.standings()] == ["closed"]


async def test_memory_is_bounded() -> None:
    """However many names there are, and however many calls under each."""
    breakers = LocalBreakers(metrics=Metrics(), most=10)
    for number in range(1000):
        (await breakers.enter(f"a:{number % 50}")).leave("success")
    assert len(breakers.standings()) == 10


async def test_only_what_was_called_is_listed() -> None:
    """Nothing was: the list is empty."""
    assert LocalBreakers(metrics=Metrics()).standings() == []
