"""Takes what a piece of work costs in this process: CPU, of all its threads, in rounds that take turns."""

import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

__all__ = ["Figure", "Work", "costs", "like_a_server"]

Work: TypeAlias = Callable[[], Awaitable[object]]

_MILLION: Final = 1e6


class Figure(NamedTuple):
    """What one piece of work cost in each round, microseconds."""

    rounds: Sequence[float]

    @property
    def median(self) -> float:
        """Of the rounds."""
        return statistics.median(self.rounds)

    def __str__(self) -> str:
        return f"{self.median:.1f} us ({min(self.rounds):.1f} to {max(self.rounds):.1f})"


def like_a_server() -> None:
    """The collector as `bullpen serve` has it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


async def costs(works: Mapping[str, Work], *, rounds: int, times: int) -> Mapping[str, Figure]:
    """CPU of each piece of work, done so many times in each of the rounds; one more round warms up."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds + 1):
        for name, work in works.items():
            taken[name].append(await _once(work, times))
    return {name: Figure(values[1:]) for name, values in taken.items()}


async def _once(work: Work, times: int) -> float:
    before = time.process_time()
    for _ in range(times):
        await work()
    return (time.process_time() - before) * _MILLION / times
