"""Whether memory stays flat: so many requests of every kind, and the resident memory of the server between them."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import uvloop

from benchmarks.load import Ask, Target, drive, prompts
from benchmarks.process import on_core
from benchmarks.report import table
from benchmarks.stub import Stub
from benchmarks.systems import BULLPEN, Running
from benchmarks.wire import REFUSE_ME

__all__ = ["grown", "measured"]

REQUESTS: Final = 20_000
STEP: Final = 2_000
WARM_UP: Final = 2_000
CONNECTIONS: Final = 64
_HALF: Final = REQUESTS // STEP // 2
# Of twenty requests in a row, these are asked as a stream, of an agent that is not there, and of a model that says no.
_STREAMS: Final = (3, 10, 16)
_UNKNOWN: Final = 7
_REFUSED: Final = 13


def measured(*, folder: Path) -> str:
    """The table, and how much memory a thousand requests add."""
    sizes = grown(folder=folder, requests=REQUESTS, step=STEP, warm_up=WARM_UP)
    rows = [(f"{number * STEP:,}", f"{size:.1f}") for number, size in enumerate(sizes)]
    grew = f"After {REQUESTS:,} requests: {sizes[-1] - sizes[0]:+.1f} MB; promised is a flat line."
    fitted = (
        f"Fitted: {_slope(sizes):+.3f} MB for each 1,000 requests, in the second half {_slope(sizes[_HALF:]):+.3f}."
    )
    return f"{table(('requests after a warm-up', 'RSS MB'), rows)}\n\n{grew} {fitted}"


def grown(*, folder: Path, requests: int, step: int, warm_up: int) -> list[float]:
    """Resident memory of Bullpen in MB, after its warm-up and after every `step` of the requests.

    Three of twenty requests are streams, and two end in an error; every answer is checked.
    """
    with on_core(1), Stub(folder) as stub:
        running = BULLPEN.start(model_port=stub.port, folder=folder)
        with running.process:
            running.ready()
            asks = _mixed(running)
            _ask(running, islice(asks, warm_up))
            sizes = [running.process.memory()]
            for _ in range(requests // step):
                _ask(running, islice(asks, step))
                sizes.append(running.process.memory())
            return sizes


def _slope(sizes: Sequence[float]) -> float:
    """MB that a thousand requests add: least squares over all sizes."""
    middle = (len(sizes) - 1) / 2
    mean = sum(sizes) / len(sizes)
    over = sum((number - middle) * (size - mean) for number, size in enumerate(sizes))
    under = sum((number - middle) ** 2 for number in range(len(sizes)))
    return over / under * 1000 / STEP


def _ask(running: Running, asks: Iterator[Ask]) -> None:
    uvloop.run(drive(running.port, asks, connections=CONNECTIONS)).checked()


def _mixed(running: Running) -> Iterator[Ask]:
    whole, events = running.target(), running.target(stream=True)
    for number, prompt in enumerate(prompts()):
        yield _one(number % 20, prompt, whole, events)


def _one(turn: int, prompt: str, whole: Target, events: Target) -> Ask:
    if turn in _STREAMS:
        return events.ask({"agent_type": "general", "task": prompt})
    if turn == _UNKNOWN:
        return whole.ask({"agent_type": prompt[:60], "task": prompt})._replace(right=_is_not_found)
    if turn == _REFUSED:
        return whole.ask({"agent_type": "general", "task": f"{prompt} {REFUSE_ME}"})._replace(right=_is_run_failed)
    return whole.ask({"agent_type": "general", "task": prompt})


def _is_not_found(status: int, _: bytes) -> bool:
    return status == 404


def _is_run_failed(status: int, _: bytes) -> bool:
    return status == 502
