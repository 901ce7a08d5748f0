"""How busy the processor and how full the memory is."""

import time
from pathlib import Path

import psutil
import pytest

from bullpen.telemetry.cgroup import Cgroup
from bullpen.telemetry.usage import Meter
from tests.stubs.clock import StillClock


@pytest.fixture
def container(tmp_path: Path) -> Path:
    """A container of two cores and 1,000 bytes, of which 600 are used."""
    for name, text in (("cpu.max", "200000 100000"), ("memory.max", "1000"), ("memory.current", "600")):
        (tmp_path / name).write_text(text, "ascii")
    worked(tmp_path, seconds=10)
    return tmp_path


def worked(container: Path, *, seconds: float) -> None:
    (container / "cpu.stat").write_text(f"usage_usec {int(seconds * 1_000_000)}\n", "ascii")


def meter(folder: Path, clock: StillClock) -> Meter:
    return Meter(cgroup=Cgroup(root=folder, membership=folder / "none"), clock=clock)


def test_in_a_container_its_limits_count(container: Path) -> None:
    """Processor time since the reading before, as a share of the quota; memory as a share of the limit."""
    clock = StillClock()
    reader = meter(container, clock)
    assert (reader.read().cpu_percent, reader.read().memory_percent) == (0.0, 60.0)
    clock.pass_time(10)
    worked(container, seconds=25)
    assert reader.read().cpu_percent == pytest.approx(75.0)
    clock.pass_time(30)
    worked(container, seconds=31)
    assert reader.read().cpu_percent == pytest.approx(10.0)


def test_whoever_asks_soon_gets_the_same_reading(container: Path) -> None:
    """Two who ask in turn do not spoil each other's span of time."""
    clock = StillClock()
    reader = meter(container, clock)
    clock.pass_time(10)
    worked(container, seconds=20)
    first = reader.read()
    clock.pass_time(4.9)
    worked(container, seconds=100)
    assert reader.read() is first


@pytest.mark.parametrize("gone", ["cpu.stat", "cpu.max"])
def test_a_quota_that_goes_away_leaves_the_machine(container: Path, gone: str) -> None:
    """No figure is made of one reading."""
    clock = StillClock()
    reader = meter(container, clock)
    (container / gone).unlink()
    clock.pass_time(10)
    assert 0 <= reader.read().cpu_percent <= 100


def test_without_limits_it_is_the_machines(tmp_path: Path) -> None:
    """Of all its cores and all its memory."""
    clock = StillClock()
    usage = meter(tmp_path, clock).read()
    assert usage.memory_percent == pytest.approx(psutil.virtual_memory().percent, abs=20)
    assert usage.process_memory > 1_000_000


def test_the_process_itself_is_told(tmp_path: Path) -> None:
    """Work since the reading before shows, 100 being one core."""
    clock = StillClock()
    reader = meter(tmp_path, clock)
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    clock.pass_time(10)
    assert reader.read().process_cpu_percent > 0
