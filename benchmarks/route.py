"""What all guards together leave of a route that does nothing: its rate beside that of a bare Starlette POST."""

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.process import on_core
from benchmarks.systems import BARE, GUARDED, Running, System

__all__ = ["measured"]

RATIO_LIMIT: Final = 0.25
CONNECTIONS: Final = 64
WARM_UP: Final = 1.0  # seconds
_NO_MODEL: Final = 9  # nobody listens there, and nobody asks


class Turn(NamedTuple):
    """One round of one of the two: requests/s, CPU in microseconds a request, and the load's part of its own core."""

    rate: float
    cpu: float
    busy: float


def measured(*, rounds: int, seconds: float, folder: Path) -> str:
    """Both, in turns, on the first core; the load has the second."""
    with ExitStack() as stack:
        stack.enter_context(on_core(1))
        bare, guarded = (_start(system, folder, stack) for system in (BARE, GUARDED))
        turns = [(_turn(bare, seconds), _turn(guarded, seconds)) for _ in range(rounds)]
    return _told(turns)


def _start(system: System, folder: Path, stack: ExitStack) -> Running:
    running = system.start(model_port=_NO_MODEL, folder=Path(tempfile.mkdtemp(dir=folder)))
    stack.enter_context(running.process)
    running.ready()
    return running


def _turn(running: Running, seconds: float) -> Turn:
    running.load(connections=CONNECTIONS, seconds=WARM_UP)
    before, own = running.process.cpu(), time.process_time()
    load = running.load(connections=CONNECTIONS, seconds=seconds)
    spent, own = running.process.cpu() - before, time.process_time() - own
    if load.wrong:
        raise RuntimeError(f"{len(load.wrong)} answers were wrong, the first: {load.wrong[0]}")
    turn = Turn(load.rate, spent * 1e6 / len(load.latencies), own / load.seconds)
    print(f"{running.system.name}: {turn.rate:,.0f} requests/s", file=sys.stderr)
    return turn


def _told(turns: Sequence[tuple[Turn, Turn]]) -> str:
    lines = ["| route | requests/s | CPU us a request | the load's own core, busy |", "|---|--:|--:|--:|"]
    for system, each in ((BARE, [bare for bare, _ in turns]), (GUARDED, [guarded for _, guarded in turns])):
        rate, cpu, busy = (statistics.median(values) for values in zip(*each, strict=True))
        lines.append(f"| {system.name} | {rate:,.0f} | {cpu:.0f} | {busy:.0%} |")
    ratios = [guarded.rate / bare.rate for bare, guarded in turns]
    by_cpu = statistics.median(bare.cpu / guarded.cpu for bare, guarded in turns)
    verdict = (
        f"Behind all guards a route that does nothing reaches {statistics.median(ratios):.2f} of the bare one's "
        f"requests/s (rounds {min(ratios):.2f} to {max(ratios):.2f}, promised {RATIO_LIMIT}); by CPU {by_cpu:.2f}."
    )
    return "\n".join([*lines, "", verdict])
