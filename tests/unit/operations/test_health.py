"""The health of a replica."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from bullpen.errors import DependencyDown
from bullpen.operations import Dependency, Health
from bullpen.telemetry import LoopLag, Metrics
from tests.stubs.clock import StillClock
from tests.stubs.exposition import Exposition
from tests.stubs.switch import Switch

Make = Callable[..., Health]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
async def make(metrics: Metrics, clock: StillClock) -> AsyncIterator[Make]:
    """Makes a `Health` over named checks: `make(database=check, optional=check)`."""
    made = []

    def build(options: dict[str, Any] | None = None, **checks: Callable[[], Awaitable[None]]) -> Health:
        found = [Dependency(name=name, check=check, required=name != "optional") for name, check in checks.items()]
        made.append(Health(found, metrics=metrics, clock=clock, **(options or {})))
        return made[-1]

    yield build
    for health in made:
        await health.aclose()


async def test_all_is_well(make: Make, metrics: Metrics) -> None:
    """Everything up: ok, ready, each with its latency."""
    report = await make(database=Switch().check, optional=Switch().check).report()
    found = {"status": "up", "age": 0.0, "latency_ms": 0.0, "since": "2023-11-14T22:13:20+00:00", "failures": 0}
    assert report.as_dict() == {
        "status": "ok",
        "ready": True,
        "draining": False,
        "dependencies": {"database": {**found, "required": True}, "optional": {**found, "required": False}},
    }
    assert Exposition(metrics.render().decode()).value("bullpen_dependency_up", dependency="database") == 1


async def test_failure_mode_closed_a_required_dependency_down_is_not_ready(make: Make) -> None:
    """Nothing can be done without it: down (promise P18)."""
    report = await make(database=Switch(OSError("away")).check).report()
    assert (report.status, report.ready) == ("down", False)


async def test_failure_mode_open_a_required_dependency_in_doubt_is_degraded_and_ready(
    make: Make, clock: StillClock
) -> None:
    """One lost packet does not take a working replica out; the third failure in a row does, and one answer ends it."""
    switch = Switch()
    health = make(database=switch.check)
    told = []
    for error in (None, OSError(), OSError(), OSError(), None):
        switch.error = error
        report = await health.report()
        told.append((report.status, report.ready))
        clock.pass_time(1)
    assert told == [("ok", True), ("degraded", True), ("degraded", True), ("down", False), ("ok", True)]


async def test_failure_mode_open_an_optional_dependency_down_is_degraded_and_ready(make: Make) -> None:
    """Its absence must not take a working replica out (promise P18)."""
    report = await make(database=Switch().check, optional=Switch(DependencyDown("away")).check).report()
    assert (report.status, report.ready) == ("degraded", True)
    assert report.dependencies["optional"].error == "dependency_down"


async def test_a_report_does_not_wait_for_what_is_slow(make: Make) -> None:
    """It tells what is known, and the look goes on: an orchestrator's probe gives up after a second."""
    slow = Switch()
    slow.gate.clear()
    health = make({"patience": 0.01}, database=Switch().check, optional=slow.check)
    assert (await health.report()).dependencies["optional"].error == "unseen"
    slow.gate.set()
    assert (await health.report()).status == "ok"
    assert slow.checks == 1


async def test_checks_run_side_by_side(make: Make) -> None:
    """The slowest bounds the report, not the sum: each of two waits for the other to have begun."""
    both = asyncio.Barrier(2)

    async def meet() -> None:
        await both.wait()

    assert (await make(database=meet, optional=meet).report()).status == "ok"


async def test_a_storm_of_probes_is_one_round_of_checks(make: Make, clock: StillClock) -> None:
    """A hundred at once, and more within the second, ask the dependency once; a second later it is asked again."""
    switch = Switch()
    switch.gate.clear()
    health = make(database=switch.check)
    storm = [asyncio.create_task(health.report()) for _ in range(100)]
    await asyncio.sleep(0)
    switch.gate.set()
    assert {report.status for report in await asyncio.gather(*storm)} == {"ok"}
    clock.pass_time(0.9)
    await health.report()
    assert switch.checks == 1
    clock.pass_time(0.1)
    await health.report()
    assert switch.checks == 2


async def test_one_prober_hanging_up_does_not_end_the_round(make: Make) -> None:
    """The others get their answer."""
    switch = Switch()
    switch.gate.clear()
    health = make(database=switch.check)
    impatient, patient = (asyncio.create_task(health.report()) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait((impatient,))
    switch.gate.set()
    assert (await patient).status == "ok"


async def test_the_gauge_is_current_though_nobody_asks(make: Make, metrics: Metrics, clock: StillClock) -> None:
    """Looked at at the start, again when it is time, and every second while it fails; and so is its return."""
    switch = Switch()
    make({"again": 0.0625}, database=switch.check).start()

    async def becomes(value: float) -> None:
        while True:
            await asyncio.sleep(0.005)
            if Exposition(metrics.render().decode()).value("bullpen_dependency_up", dependency="database") == value:
                return

    await becomes(1)
    switch.error = OSError("away")
    clock.pass_time(30)
    await becomes(0)
    checks = switch.checks
    switch.error = None
    clock.pass_time(0.0625)
    await becomes(1)
    assert switch.checks == checks + 1


async def test_a_draining_replica_is_not_ready_though_it_is_well(make: Make) -> None:
    """The balancer is told to send nothing new; nothing is broken."""
    health = make(database=Switch().check)
    health.drain()
    report = await health.report()
    assert (report.status, report.ready, report.draining) == ("ok", False, True)
    assert health.draining


async def test_the_lag_of_the_loop_is_told(make: Make, metrics: Metrics, clock: StillClock) -> None:
    """As it was measured lately."""
    report = await make({"lag": LoopLag(metrics=metrics, clock=clock)}).report()
    assert report.as_dict()["event_loop"] == {"window": 60.0, "lag_max_ms": 0.0, "lag_p99_ms": 0.0}


async def test_closing_ends_what_is_under_way(make: Make) -> None:
    """No check and no round is left."""
    switch = Switch()
    switch.gate.clear()
    health = make({"again": 0.004}, database=switch.check)
    health.start()
    await asyncio.sleep(0)
    await health.aclose()
    assert len(asyncio.all_tasks()) == 1
