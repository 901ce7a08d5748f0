"""How busy the processor and how full the memory is: of the container where it has limits, else of the machine."""

from dataclasses import dataclass
from typing import Final

import psutil

from bullpen.clock import Clock, SystemClock
from bullpen.telemetry.cgroup import Cgroup

__all__ = ["Meter", "Usage"]

_LEAST: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One reading.

    Attributes:
        cpu_percent: Of the container's quota, or of all cores of the machine, since the reading before.
        memory_percent: Of the container's limit, or of the machine's memory.
        process_cpu_percent: Of this process alone, since the reading before; 100 is one core.
        process_memory: Resident memory of this process, bytes.
    """

    cpu_percent: float
    memory_percent: float
    process_cpu_percent: float
    process_memory: int


class Meter:
    """Reads the usage, once in `least` seconds however many ask: a shorter span says little about a processor."""

    def __init__(self, *, cgroup: Cgroup | None = None, least: float = _LEAST, clock: Clock | None = None) -> None:
        """Takes the first reading, whose processor figures are 0."""
        self._cgroup = cgroup or Cgroup()
        self._least = least
        self._clock = clock or SystemClock()
        self._process = psutil.Process()
        self._at = self._clock.monotonic()
        self._quota = self._cgroup.cpu()
        psutil.cpu_percent()
        self._process.cpu_percent()
        self._usage = self._take(0.0, 0.0)

    def read(self) -> Usage:
        """The usage now, or `least` seconds ago at most."""
        elapsed = self._clock.monotonic() - self._at
        if elapsed >= self._least:
            self._usage = self._take(self._cpu_percent(elapsed), self._process.cpu_percent())
            self._at += elapsed
        return self._usage

    def _cpu_percent(self, elapsed: float) -> float:
        machine, before, self._quota = psutil.cpu_percent(), self._quota, self._cgroup.cpu()
        if before is None or self._quota is None:
            return machine
        used, cores = self._quota
        return max(0.0, 100 * (used - before[0]) / (elapsed * cores))

    def _take(self, cpu_percent: float, process_cpu_percent: float) -> Usage:
        memory = self._cgroup.memory_percent()
        return Usage(
            cpu_percent=cpu_percent,
            memory_percent=psutil.virtual_memory().percent if memory is None else memory,
            process_cpu_percent=process_cpu_percent,
            process_memory=self._process.memory_info().rss,
        )
