"""The rounds of scaling."""

from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from bullpen.operations.scaler import Scaler
from bullpen.operations.scaling import Policy
from bullpen.telemetry import Metrics
from tests.stubs.clock import StillClock
from tests.stubs.exposition import Exposition
from tests.stubs.machine import Crowding, Machine, ScriptedLanes

CROWDED = Crowding(waiting=20, in_use=4)


@dataclass
class Scene:
    """A scaler, and everything it looks at."""

    enabled: bool = True
    bound: int | None = None
    replicas: int = 2
    machine: Machine = field(default_factory=Machine)
    pool: ScriptedLanes = field(default_factory=ScriptedLanes)
    metrics: Metrics = field(default_factory=Metrics)
    clock: StillClock = field(default_factory=StillClock)

    def scaler(self) -> Scaler:
        return Scaler(
            instruments=self.machine.instruments(self.pool),
            pool=self.pool,
            metrics=self.metrics,
            policy=Policy(start_lanes=4, max_lanes=8),
            replicas=lambda: self.replicas,
            bound=lambda: self.bound,
            enabled=self.enabled,
            every=3600,
            clock=self.clock,
        )

    def value(self, name: str, **labels: str) -> float:
        return Exposition(self.metrics.render().decode()).value(f"bullpen_{name}", **labels)


def test_a_crowd_gets_lanes_until_the_most() -> None:
    """A step each time its cool-down is over; the pool is told each time."""
    scene = Scene()
    scaler = scene.scaler()
    scene.pool.crowding = CROWDED
    for _ in range(40):
        scaler.look()
        scene.clock.pass_time(30)
    assert scene.pool.told == [("resize", 6), ("resize", 8)]


def test_a_crowd_on_a_busy_machine_gets_replicas_only() -> None:
    """The number wanted is a gauge; the lanes stay."""
    scene = Scene(machine=Machine(cpu=90))
    scaler = scene.scaler()
    scene.pool.crowding = CROWDED
    decision = scaler.look()
    assert decision is not None
    assert (decision.desired, decision.lanes) == (4, 4)
    assert scene.pool.told == []
    assert scene.value("desired_replicas") == 4
    assert scene.value("recommended_replicas") == 3
    assert scene.value("scaling_decisions_total", action="up") == 1


def test_replicas_are_asked_for_once_in_a_cool_down() -> None:
    """What was wanted stands meanwhile, also when the reason is gone."""
    scene = Scene(machine=Machine(cpu=90))
    scaler = scene.scaler()
    scaler.look()
    scene.machine.cpu = 50
    scene.clock.pass_time(299)
    held = scaler.look()
    scene.clock.pass_time(1)
    over = scaler.look()
    assert held is not None
    assert over is not None
    assert (held.action, held.desired, over.action, over.desired) == ("none", 4, "none", 2)


def test_the_bound_of_self_tuning_holds() -> None:
    """It is asked in each round."""
    scene = Scene(bound=4)
    scaler = scene.scaler()
    scene.pool.crowding = CROWDED
    scaler.look()
    assert scene.pool.told == []
    scene.bound = 5
    scaler.look()
    assert scene.pool.told == [("resize", 5)]


def test_changes_are_logged_with_their_reasons_and_the_rest_once() -> None:
    """A night of the same is one line, not a thousand; each decision is counted all the same."""
    scene = Scene()
    scaler = scene.scaler()
    with capture_logs() as logged:
        for _ in range(50):
            scaler.look()
        scene.pool.crowding = CROWDED
        scaler.look()
    lines = [line for line in logged if line["event"] == "scaling_decision"]
    assert [(line["action"], line["by"], line["lanes"]) for line in lines] == [("none", 0, 4), ("up", 2, 6)]
    assert lines[1]["reasons"] == ["20 requests wait, more than 10"]
    assert scene.value("scaling_decisions_total", action="none") == 50


def test_the_report_has_policy_signals_and_the_newest_decisions() -> None:
    """At most a hundred, however long it runs."""
    scene = Scene()
    scaler = scene.scaler()
    for number in range(250):
        scene.pool.crowding = CROWDED if number % 2 else Crowding()
        scaler.look()
        scene.clock.pass_time(300)
    report = scaler.report()
    assert report["enabled"] is True
    assert (report["policy"]["maximum"], report["policy"]["cooldown"]) == (20, 300)
    assert report["signals"]["replicas"] == 2
    assert len(report["decisions"]) == 100
    newest, older = report["decisions"][:2]
    assert newest["timestamp"] == older["timestamp"] + 300
    assert newest["signals"]["queue_length"] == 20


def test_switched_off_it_exports_and_decides_nothing() -> None:
    """The load is for others to act on."""
    scene = Scene(enabled=False)
    scaler = scene.scaler()
    scene.pool.crowding = CROWDED
    assert scaler.look() is None
    assert scene.pool.told == []
    assert scene.value("scaling_queue_length") == 20
    assert scene.value("desired_replicas") == 0
    report = scaler.report()
    assert (report["enabled"], report["decisions"], report["signals"]["queue_length"]) == (False, [], 20)


@pytest.mark.parametrize("enabled", [True, False])
async def test_it_starts_with_the_lanes_of_the_start(enabled: bool) -> None:
    """And with a number of replicas that asks for no change, before it has looked even once."""
    scene = Scene(enabled=enabled, replicas=5)
    scaler = scene.scaler()
    scaler.start()
    await scaler.aclose()
    assert scene.pool.told == ([("resize", 4)] if enabled else [])
    assert scene.value("desired_replicas") == (5 if enabled else 0)
