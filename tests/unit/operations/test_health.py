"""The health of a replica."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from bullpen.errors import DependencyDown
from bullpen.operations import Dependency, Health
from bullpen.telemetry import Metrics
from tests.stubs.clock import StillClock
from tests.stubs.exposition import Exposition

SECRET = "postgresql://ann:hunter2@db.internal/prod"


class Switch:
    """A dependency that answers, refuses, or hangs until it is let go."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.checks = 0

    async def check(self) -> None:
        self.checks += 1
        await self.gate.wait()
        if self.error is not None:
            raise self.error


Make = Callable[..., Health]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
async def make(metrics: Metrics, clock: StillClock) -> AsyncIterator[Make]:
    """Makes a `Health` over named checks: `make(database=check, cache=(check, False))`."""
    made = []

    def build(timeout: float = 5.0, **checks: Callable[[], Awaitable[None]]) -> Health:
        found = [Dependency(name=name, check=check, required=name != "optional") for name, check in checks.items()]
        made.append(Health(found, metrics=metrics, clock=clock, timeout=timeout))
        return made[-1]

    yield build
    for health in made:
        await health.aclose()


async def test_all_is_well(make: Make, metrics: Metrics) -> None:
    """Everything up: ok, ready, each with its latency."""
    report = await make(database=Switch().check, optional=Switch().check).report()
    assert report.as_dict() == {
        "status": "ok",
        "ready": True,
        "draining": False,
        "dependencies": {
            "database": {"status": "up", "required": True, "latency_ms": 0.0},
            "optional": {"status": "up", "required": False, "latency_ms": 0.0},
        },
    }
    assert Exposition(metrics.render().decode()).value("bullpen_dependency_up", dependency="database") == 1


async def test_failure_mode_closed_a_required_dependency_down_is_not_ready(make: Make, metrics: Metrics) -> None:
    """Nothing can be done without it: down (promise P18)."""
    switch = Switch()
    switch.error = OSError(SECRET)
    report = await make(database=switch.check).report()
    assert (report.status, report.ready) == ("down", False)
    assert Exposition(metrics.render().decode()).value("bullpen_dependency_up", dependency="database") == 0


async def test_failure_mode_open_an_optional_dependency_down_is_degraded_and_ready(make: Make) -> None:
    """Its absence must not take a working replica out (promise P18)."""
    switch = Switch()
    switch.error = DependencyDown("away")
    report = await make(database=Switch().check, optional=switch.check).report()
    assert (report.status, report.ready) == ("degraded", True)
    assert report.dependencies["optional"].error == "dependency_down"


async def test_no_address_and_no_foreign_text_is_told(make: Make) -> None:
    """Neither the report nor the log quotes an exception: both may be read by anybody."""
    switch = Switch()
    switch.error = OSError(SECRET)
    with capture_logs() as logged:
        report = await make(database=switch.check).report()
    assert report.dependencies["database"].error == "error"
    assert "hunter2" not in f"{report.as_dict()} {logged}"


async def test_a_check_that_hangs_is_down(make: Make) -> None:
    """After its timeout, and the others are told all the same."""
    switch = Switch()
    switch.gate.clear()
    report = await make(timeout=0.02, database=switch.check, optional=Switch().check).report()
    assert report.dependencies["database"].error == "timeout"
    assert report.dependencies["optional"].up


async def test_checks_run_side_by_side(make: Make) -> None:
    """The slowest bounds the round, not the sum: each of two waits for the other to have begun."""
    both = asyncio.Barrier(2)

    async def meet() -> None:
        await both.wait()

    assert (await make(database=meet, optional=meet).report()).status == "ok"


async def test_a_storm_of_probes_is_one_round_of_checks(make: Make) -> None:
    """A hundred at once, and more within the second, ask the dependency once."""
    switch = Switch()
    switch.gate.clear()
    health = make(database=switch.check)
    storm = [asyncio.create_task(health.report()) for _ in range(100)]
    await asyncio.sleep(0)
    switch.gate.set()
    assert {report.status for report in await asyncio.gather(*storm)} == {"ok"}
    await health.report()
    assert switch.checks == 1


async def test_an_answer_grows_old(make: Make, clock: StillClock) -> None:
    """A second later the dependency is asked again, and its return is noticed and logged once."""
    switch = Switch()
    switch.error = OSError("away")
    health = make(database=switch.check)
    with capture_logs() as logged:
        states = []
        for error in (switch.error, switch.error, None, None):
            switch.error = error
            states.append((await health.report()).status)
            clock.pass_time(1.5)
    assert states == ["down", "down", "ok", "ok"]
    assert [line["event"] for line in logged] == ["dependency_down", "dependency_back"]


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


async def test_a_draining_replica_is_not_ready_though_it_is_well(make: Make) -> None:
    """The balancer is told to send nothing new; nothing is broken."""
    health = make(database=Switch().check)
    health.drain()
    report = await health.report()
    assert (report.status, report.ready, report.draining) == ("ok", False, True)
    assert health.draining
