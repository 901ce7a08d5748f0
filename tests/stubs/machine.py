"""A machine and a pool whose load is what a test says."""

from dataclasses import dataclass

from bullpen.operations.signals import Instruments
from bullpen.operations.traffic import Traffic
from bullpen.telemetry.usage import Usage

__all__ = ["Crowding", "Machine", "ScriptedLanes"]


@dataclass
class Crowding:
    """A pool's figures."""

    waiting: int = 0
    in_use: int = 0


class ScriptedLanes:
    """A pool of lanes that remembers what it was told; a bound wins over a size."""

    def __init__(self, lanes: int = 4) -> None:
        self.crowding = Crowding()
        self.size = lanes
        self.limit: int | None = None
        self.told: list[tuple[str, int | None]] = []

    @property
    def lanes(self) -> int:
        return self.size if self.limit is None else min(self.size, self.limit)

    def pressure(self) -> Crowding:
        return self.crowding

    def resize(self, lanes: int) -> None:
        self.size = lanes
        self.told.append(("resize", lanes))

    def bound(self, lanes: int | None) -> None:
        self.limit = lanes
        self.told.append(("bound", lanes))


class Machine:
    """Usage as it was set."""

    def __init__(self, *, cpu: float = 50.0, memory: float = 50.0) -> None:
        self.cpu = cpu
        self.memory = memory
        self.process_cpu = 20.0
        self.resident = 100 * 1024 * 1024

    def usage(self) -> Usage:
        return Usage(
            cpu_percent=self.cpu,
            memory_percent=self.memory,
            process_cpu_percent=self.process_cpu,
            process_memory=self.resident,
        )

    def instruments(self, pool: ScriptedLanes, traffic: Traffic | None = None) -> Instruments:
        return Instruments(traffic=traffic or Traffic(), pool=pool, usage=self.usage)
