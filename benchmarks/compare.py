"""Every system of one run before one stub model: in interleaved rounds, the same work for each."""

import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import uvloop

from benchmarks.load import Load, drive
from benchmarks.process import on_core
from benchmarks.report import Flow, Row, Sample
from benchmarks.stub import Stub
from benchmarks.systems import Running, System

__all__ = ["CONNECTIONS", "compared"]

CONNECTIONS: Final = 64
SLOW_CONNECTIONS: Final = 200
SLOW_MODEL: Final = 200  # milliseconds
STREAMS: Final = 32
WARM_UP: Final = 1.0  # seconds


def compared(systems: Sequence[System], *, rounds: int, seconds: float, folder: Path) -> tuple[list[Row], list[Flow]]:
    """A row for each system, and in each round the streams of the stub model when it is asked directly.

    The stub and the load have the second core, the systems the first.
    """
    with ExitStack() as stack:
        stack.enter_context(on_core(1))
        stub = stack.enter_context(Stub(folder))
        pairs = [_start(system, stub.port, folder, stack) for system in systems]
        direct = [_round(number + 1, pairs, stub, seconds) for number in range(rounds)]
        for running, row in pairs:
            row.memory = running.process.memory()
        return [row for _, row in pairs], direct


def _start(system: System, model_port: int, folder: Path, stack: ExitStack) -> tuple[Running, Row]:
    home = Path(tempfile.mkdtemp(dir=folder))
    running = system.start(model_port=model_port, folder=home)
    stack.enter_context(running.process)
    return running, Row(system.name, ready=running.ready())


def _round(number: int, pairs: Sequence[tuple[Running, Row]], stub: Stub, seconds: float) -> Flow:
    for running, row in pairs:
        row.samples.append(sample := _sample(running, stub, seconds))
        flow = sample.flow
        streamed = f", {flow.cpu:.2f} ms a stream" if flow else ""
        print(f"round {number}: {row.name}: {sample.cpu:.2f} ms CPU a request{streamed}", file=sys.stderr)
    return _flow(lambda connections, time: _directly(stub, connections, time), lambda: 0.0, seconds)


def _sample(running: Running, stub: Stub, seconds: float) -> Sample:
    running.load(connections=CONNECTIONS, seconds=WARM_UP).checked()
    load, cpu = _costing(lambda: running.load(connections=CONNECTIONS, seconds=seconds).checked(), running.process.cpu)
    idle = running.load(connections=1, seconds=seconds / 5).checked()
    stub.slow_down(SLOW_MODEL)
    slow, slow_cpu = _costing(
        lambda: running.load(connections=SLOW_CONNECTIONS, seconds=max(seconds / 2, 2.0)).checked(),
        running.process.cpu,
    )
    stub.slow_down(0)
    return Sample(
        rate=load.rate,
        p50=load.percentile(50),
        p99=load.percentile(99),
        cpu=cpu,
        idle=idle.percentile(50),
        slow=slow.rate,
        slow_cpu=slow_cpu,
        flow=None if running.system.drives_itself else _streamed(running, seconds),
    )


def _streamed(running: Running, seconds: float) -> Flow:
    def streams(connections: int, time: float) -> Load:
        return running.load(connections=connections, seconds=time, stream=True)

    return _flow(streams, running.process.cpu, seconds)


def _directly(stub: Stub, connections: int, seconds: float) -> Load:
    return uvloop.run(drive(stub.port, stub.asked_directly().asks(), connections=connections, seconds=seconds))


def _flow(streams: Callable[[int, float], Load], spent: Callable[[], float], seconds: float) -> Flow:
    streams(STREAMS, WARM_UP / 2).checked()
    many, cpu = _costing(lambda: streams(STREAMS, seconds / 2).checked(), spent)
    one = streams(1, seconds / 5).checked()
    return Flow(rate=many.rate, cpu=cpu, first_of_many=many.first_token(), first_of_one=one.first_token())


def _costing(work: Callable[[], Load], spent: Callable[[], float]) -> tuple[Load, float]:
    """The load, and the milliseconds of CPU that each of its answers cost."""
    before = spent()
    load = work()
    return load, (spent() - before) * 1000 / len(load.latencies)
