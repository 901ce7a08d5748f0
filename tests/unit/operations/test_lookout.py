"""One dependency, looked at again and again."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bullpen.errors import DependencyDown
from bullpen.operations.dependency import Dependency, State
from bullpen.operations.lookout import Lookout
from bullpen.telemetry import Metrics
from tests.stubs.clock import StillClock
from tests.stubs.exposition import Exposition
from tests.stubs.switch import Switch

SECRET = "postgresql://ann:hunter2@db.internal/prod"
AWAY = OSError(SECRET)


@pytest.fixture
def switch() -> Switch:
    return Switch()


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def lookout(switch: Switch, clock: StillClock, metrics: Metrics) -> AsyncIterator[Lookout]:
    made = watching(switch, metrics=metrics, clock=clock)
    yield made
    switch.gate.set()
    await made.aclose()


def watching(switch: Switch, *, metrics: Metrics, clock: StillClock) -> Lookout:
    dependency = Dependency(name="database", check=switch.check)
    return Lookout(dependency, metrics=metrics, most=3, timeout=0.02, clock=clock)


def up(metrics: Metrics) -> float:
    return Exposition(metrics.render().decode()).value("bullpen_dependency_up", dependency="database")


async def states(lookout: Lookout, switch: Switch, *errors: Exception | None) -> list[State]:
    """The state after each of these looks."""
    found: list[State] = []
    for error in errors:
        switch.error = error
        await lookout.look()
        found.append(lookout.finding.state)
    return found


async def test_before_its_first_good_look_it_is_down(lookout: Lookout, switch: Switch, metrics: Metrics) -> None:
    """A replica must not be ready before it has seen what it needs; the first failure is enough, too."""
    assert (lookout.finding.state, lookout.finding.error, lookout.finding.age) == ("down", "unseen", None)
    assert up(metrics) == 0
    assert await states(lookout, switch, AWAY, None) == ["down", "up"]


async def test_three_failures_in_a_row_are_down(lookout: Lookout, switch: Switch) -> None:
    """One or two are in doubt, and one good look ends either."""
    assert await states(lookout, switch, None, AWAY, AWAY, None) == ["up", "failing", "failing", "up"]
    assert await states(lookout, switch, AWAY, AWAY, AWAY, AWAY, None) == ["failing", "failing", "down", "down", "up"]


@given(answers=st.lists(st.booleans(), min_size=1, max_size=12))
def test_the_state_follows_from_the_looks_since_the_last_good_one(answers: list[bool]) -> None:
    """Whatever came before: up after a good look, down after three bad ones or when it was never up."""

    async def scene() -> None:
        switch = Switch()
        lookout = watching(switch, metrics=Metrics(), clock=StillClock())
        found = await states(lookout, switch, *(None if good else AWAY for good in answers))
        for at, state in enumerate(found):
            history = answers[: at + 1]
            failures = next((n for n, good in enumerate(reversed(history)) if good), None)
            assert state == ("down" if failures is None or failures >= 3 else "failing" if failures else "up")

    asyncio.run(scene())


async def test_what_was_not_looked_at_is_not_told(lookout: Lookout, metrics: Metrics) -> None:
    """A worker that starts is no outage: the least of all workers' figures is shown."""
    assert "bullpen_dependency_up{" not in metrics.render().decode()


async def test_the_gauge_follows_each_look(lookout: Lookout, switch: Switch, metrics: Metrics) -> None:
    """It tells whether the dependency answered, in doubt as well."""
    seen = []
    for error in (None, AWAY, None):
        await states(lookout, switch, error)
        seen.append(up(metrics))
    assert seen == [1, 0, 1]


async def test_a_finding_tells_how_old_and_since_when(lookout: Lookout, switch: Switch, clock: StillClock) -> None:
    """The age counts from the last look, the moment from the last change, and failures in a row."""
    await states(lookout, switch, None)
    changed = clock.now()
    clock.pass_time(10)
    await states(lookout, switch, None)
    clock.pass_time(4)
    finding = lookout.finding
    assert (finding.age, finding.since, finding.failures, finding.error) == (4, changed, 0, None)
    await states(lookout, switch, DependencyDown("away"), DependencyDown("away"))
    finding = lookout.finding
    assert (finding.since, finding.failures, finding.error) == (clock.now(), 2, "dependency_down")


async def test_only_changes_are_logged(lookout: Lookout, switch: Switch, clock: StillClock) -> None:
    """Once each, with how long it lasted; a good start is no news."""
    with capture_logs() as logged:
        await states(lookout, switch, None, None, AWAY, AWAY, AWAY, AWAY)
        clock.pass_time(60)
        await states(lookout, switch, None, None)
    assert [line["event"] for line in logged] == ["dependency_failing", "dependency_down", "dependency_back"]
    assert (logged[-1]["was"], logged[-1]["lasted"]) == ("down", 60)


async def test_no_address_and_no_foreign_text_is_told(lookout: Lookout, switch: Switch) -> None:
    """Neither the finding nor the log quotes an exception: both may be read by anybody."""
    with capture_logs() as logged:
        await states(lookout, switch, AWAY)
    assert lookout.finding.error == "error"
    assert "hunter2" not in f"{lookout.finding.as_dict()} {logged}"


async def test_a_check_that_hangs_has_failed(lookout: Lookout, switch: Switch) -> None:
    """After its timeout."""
    switch.gate.clear()
    assert await states(lookout, switch, None) == ["down"]
    assert lookout.finding.error == "timeout"


async def test_a_check_that_ignores_its_cancellation_holds_nobody(lookout: Lookout, switch: Switch) -> None:
    """Each look ends in time; the check is not asked again before it has ended, so none pile up; then it recovers."""
    switch.gate.clear()
    switch.deaf = True
    assert await states(lookout, switch, None, None, None) == ["down"] * 3
    assert switch.checks == 1
    switch.gate.set()
    while lookout.finding.state != "up":
        await lookout.look()
    assert switch.checks == 2


async def test_closing_does_not_wait_for_a_check_that_never_ends(lookout: Lookout, switch: Switch) -> None:
    """It is left behind after the time of a look."""
    switch.gate.clear()
    switch.deaf = True
    look = lookout.look()
    await asyncio.sleep(0)
    await lookout.aclose()
    assert look.done()


async def test_whoever_asks_at_once_shares_one_look(lookout: Lookout, switch: Switch) -> None:
    """There is one at a time."""
    assert lookout.look() is lookout.look()
    await lookout.look()
    assert switch.checks == 1


async def test_what_is_in_doubt_is_due_sooner(lookout: Lookout, switch: Switch, clock: StillClock) -> None:
    """At once in the beginning, then every 30 s, and every second while it fails."""

    def due() -> bool:
        return lookout.due(every=30, again=1)

    assert due()
    await states(lookout, switch, None)
    clock.pass_time(29)
    assert not due()
    clock.pass_time(1)
    assert due()
    await states(lookout, switch, AWAY)
    assert not due()
    clock.pass_time(1)
    assert due()
    await states(lookout, switch, AWAY, AWAY)
    clock.pass_time(29)
    assert not due()
