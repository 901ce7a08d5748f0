"""The rounds of self-tuning."""

from dataclasses import dataclass, field

from structlog.testing import capture_logs

from bullpen.operations.remedy import PATIENCE
from bullpen.operations.tuner import Tuner
from bullpen.telemetry import Metrics
from tests.stubs.clock import StillClock
from tests.stubs.exposition import Exposition
from tests.stubs.machine import Machine, ScriptedLanes


class Cache:
    """A participant of 1,000 entries."""

    name = "answers"

    def __init__(self) -> None:
        self.size = 1000
        self.restored = 0

    def shrink(self, part: float) -> int:
        dropped = int(self.size * part)
        self.size -= dropped
        return dropped

    def restore(self) -> None:
        self.restored += 1


class Order:
    """Which models stand back."""

    def __init__(self, *, broken: bool = False) -> None:
        self.back: set[str] = set()
        self._broken = broken

    def prefer_fallback(self, model: str) -> None:
        if self._broken:
            raise RuntimeError("broken")
        self.back.add(model)

    def restore(self, model: str) -> None:
        self.back.discard(model)


@dataclass
class Scene:
    """A tuner, and everything it looks after."""

    enabled: bool = True
    machine: Machine = field(default_factory=Machine)
    pool: ScriptedLanes = field(default_factory=lambda: ScriptedLanes(20))
    order: Order = field(default_factory=Order)
    latencies: dict[str, float | None] = field(default_factory=dict)
    metrics: Metrics = field(default_factory=Metrics)

    def tuner(self) -> Tuner:
        return Tuner(
            instruments=self.machine.instruments(self.pool),
            pool=self.pool,
            metrics=self.metrics,
            preferences=self.order,
            models=lambda: list(self.latencies),
            latency=self.latencies.get,
            enabled=self.enabled,
            every=0.001,
            clock=StillClock(),
        )

    def count(self, action: str) -> float:
        return Exposition(self.metrics.render().decode()).value("bullpen_tuning_actions_total", action=action)


def rounds(tuner: Tuner, times: int) -> None:
    for _ in range(times):
        tuner.look()


def test_memory_is_won_from_who_registered_and_given_back() -> None:
    """A participant is shrunk while memory is short, and restored when it is not; with sizes before and after."""
    scene, cache = Scene(machine=Machine(memory=90)), Cache()
    tuner = scene.tuner()
    tuner.register(cache)
    with capture_logs() as logged:
        rounds(tuner, 1)
        scene.machine.memory = 50
        rounds(tuner, PATIENCE)
    assert (cache.size, cache.restored) == (500, 1)
    shrunk, restored = [line for line in logged if line["event"] == "tuning_action"]
    assert (shrunk["before"], shrunk["after"]) == ({"answers": 1000}, {"answers": 500})
    assert shrunk["reason"] == "memory at 90 % is above 85 %"
    assert restored["action"] == "restore_caches"
    assert scene.count("shrink_caches") == scene.count("restore_caches") == 1


def test_lanes_are_bounded_while_processors_are_busy() -> None:
    """Lower and lower, and back by the same steps; what the bound is can be asked."""
    scene = Scene(machine=Machine(cpu=95))
    tuner = scene.tuner()
    assert tuner.bound() is None
    rounds(tuner, 2)
    assert (tuner.bound(), scene.pool.lanes) == (13, 13)
    scene.machine.cpu = 40
    rounds(tuner, 2 * PATIENCE)
    assert (tuner.bound(), scene.pool.lanes) == (None, 20)
    assert scene.pool.told == [("bound", 16), ("bound", 13), ("bound", 16), ("bound", None)]
    actions = tuner.report()["actions"]
    assert [(each["before"], each["after"]) for each in reversed(actions)] == [(20, 16), (16, 13), (13, 16), (16, 20)]


def test_a_slow_model_stands_back_for_a_while() -> None:
    """Its fallback is asked first, until it is tried again."""
    scene = Scene(latencies={"openai:slow": 20.0, "openai:new": None})
    tuner = scene.tuner()
    rounds(tuner, 1)
    assert scene.order.back == {"openai:slow"}
    assert tuner.report()["standing_back"] == ["openai:slow"]
    rounds(tuner, 5)
    assert scene.order.back == set()
    assert [each["model"] for each in tuner.report()["actions"]] == ["openai:slow"] * 2


def test_failure_mode_open_a_remedy_that_fails_stops_no_other() -> None:
    """It is logged, and it is not counted as done."""
    scene = Scene(machine=Machine(memory=90, cpu=95), order=Order(broken=True), latencies={"openai:slow": 20.0})
    tuner = scene.tuner()
    cache = Cache()
    tuner.register(cache)
    with capture_logs() as logged:
        rounds(tuner, 1)
    assert [line["action"] for line in logged if line["event"] == "tuning_failed"] == ["prefer_fallback"]
    assert (cache.size, scene.pool.lanes) == (500, 16)
    assert {each["action"] for each in tuner.report()["actions"]} == {"shrink_caches", "lower_concurrency"}


def test_the_report_tells_how_it_is_beside_how_it_should_be() -> None:
    """Baselines with what was measured, and what stands."""
    scene = Scene()
    tuner = scene.tuner()
    tuner.register(Cache())
    report = tuner.report()
    assert set(report) == {"enabled", "baselines", "bound", "standing_back", "caches", "actions"}
    assert report["baselines"]["response"] == {"baseline": 15.0, "measured": 0.0, "met": True}
    assert report["caches"] == {"answers": 1000}


def test_a_missed_baseline_is_news_once() -> None:
    """The summary of a round is for debugging, unless other baselines are missed than before."""
    scene = Scene()
    scene.pool.crowding.in_use = 1
    tuner = scene.tuner()
    with capture_logs() as logged:
        rounds(tuner, 3)
        scene.machine.resident = scene.machine.process_cpu = 1
        rounds(tuner, 2)
    summaries = [(line["log_level"], line["missed"]) for line in logged if line["event"] == "tuning_summary"]
    missed = ("memory_per_agent", "cpu_per_request")
    assert summaries == [("info", missed), ("debug", missed), ("debug", missed), ("info", ()), ("debug", ())]


async def test_switched_off_it_does_nothing() -> None:
    """Not even a round."""
    scene = Scene(enabled=False, machine=Machine(cpu=99, memory=99))
    tuner = scene.tuner()
    tuner.start()
    await tuner.aclose()
    assert (tuner.bound(), tuner.report()["enabled"], tuner.report()["actions"]) == (None, False, [])
