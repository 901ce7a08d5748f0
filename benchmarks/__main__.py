"""`python -m benchmarks`: starts every system, measures them in interleaved rounds, prints the table.

It fails when an answer is wrong, never because of a time.
"""

import argparse
import os
import platform
import sys
import tempfile
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks import guards, route
from benchmarks.load import Load
from benchmarks.process import Process, free_port, on_core
from benchmarks.report import Row, Sample, render
from benchmarks.systems import BASELINE, BULLPEN, PROJECT, SYSTEMS, Running, System

__all__: list[str] = []

CONNECTIONS: Final = 64
SLOW_CONNECTIONS: Final = 200
SLOW_MODEL: Final = 200  # milliseconds
WARM_UP: Final = 1.0  # seconds


def measure(options: argparse.Namespace, systems: Sequence[System], folder: Path) -> list[Row]:
    """Starts the model on the second core and the systems, one after the other, on the first; then the rounds."""
    with ExitStack() as stack:
        stack.enter_context(on_core(1))
        port = free_port()
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)}
        command = [sys.executable, "-m", "benchmarks.model", str(port)]
        model = stack.enter_context(Process(command, environment=environment, folder=folder, log=folder / "model.log"))
        model.ready(_delay_url(port, 0))
        pairs = [_start(system, port, folder, stack) for system in systems]
        for number in range(1, options.rounds + 1):
            for running, row in pairs:
                row.samples.append(_sample(running, port, options.seconds))
                print(f"round {number}: {row.name}: {row.samples[-1].cpu:.2f} ms CPU a request", file=sys.stderr)
        for running, row in pairs:
            row.memory = running.process.memory()
        return [row for _, row in pairs]


def _start(system: System, model_port: int, folder: Path, stack: ExitStack) -> tuple[Running, Row]:
    home = Path(tempfile.mkdtemp(dir=folder))
    running = system.start(model_port=model_port, folder=home)
    stack.enter_context(running.process)
    return running, Row(system.name, ready=running.ready())


def _sample(running: Running, model_port: int, seconds: float) -> Sample:
    _right(running.load(connections=CONNECTIONS, seconds=WARM_UP))
    before = running.process.cpu()
    load = _right(running.load(connections=CONNECTIONS, seconds=seconds))
    spent = running.process.cpu() - before
    idle = _right(running.load(connections=1, seconds=seconds / 5))
    urllib.request.urlopen(_delay_url(model_port, SLOW_MODEL)).close()
    slow = _right(running.load(connections=SLOW_CONNECTIONS, seconds=max(seconds / 2, 2.0)))
    urllib.request.urlopen(_delay_url(model_port, 0)).close()
    return Sample(
        rate=load.rate,
        p50=load.percentile(50),
        p99=load.percentile(99),
        cpu=spent * 1000 / len(load.latencies),
        idle=idle.percentile(50),
        slow=slow.rate,
    )


def _right(load: Load) -> Load:
    if load.wrong:
        raise RuntimeError(f"{len(load.wrong)} answers were wrong, the first: {load.wrong[0]}")
    return load


def _delay_url(port: int, milliseconds: int) -> str:
    return f"http://127.0.0.1:{port}/delay/{milliseconds}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures Bullpen beside its peers.")
    parser.add_argument("--rounds", type=int, default=3, help="rounds over all systems; the median is shown")
    parser.add_argument("--seconds", type=float, default=5.0, help="of full load for each system in each round")
    parser.add_argument("--only", default="", help="measure only systems whose name contains one of these, by comma")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"what to measure, by comma: {', '.join(PARTS)}")
    return parser.parse_args()


def _guards(options: argparse.Namespace, folder: Path) -> str:
    return f"## Each guard\n\n{guards.measured(rounds=options.rounds, folder=folder)}"


def _route(options: argparse.Namespace, folder: Path) -> str:
    told = route.measured(rounds=options.rounds, seconds=options.seconds, folder=folder)
    return f"## All guards, before a route that does nothing\n\n{told}"


def _systems(options: argparse.Namespace, folder: Path) -> str:
    wanted = options.only.lower().split(",")
    systems = [system for system in SYSTEMS if any(word in system.name.lower() for word in wanted)]
    if not systems:
        raise SystemExit(f"No system is called {options.only}. There are: {'; '.join(each.name for each in SYSTEMS)}.")
    table = render(measure(options, systems, folder), baseline=BASELINE.name, bullpen=BULLPEN.name)
    return f"## Systems\n\n{table}"


PARTS: Final = {"guards": _guards, "route": _route, "systems": _systems}


def main() -> None:
    """Measures and prints, one part after the other."""
    options = _options()
    parts = options.parts.split(",")
    if unknown := set(parts) - set(PARTS):
        raise SystemExit(f"There is no part {', '.join(sorted(unknown))}. There are: {', '.join(PARTS)}.")
    print(
        "One worker on one core; the stub model (0 ms unless said) and the load on another.\n"
        f"{CONNECTIONS} connections, unique prompts; median (min to max) of {options.rounds} interleaved rounds "
        f"of {options.seconds:g} s.\n"
        f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores."
    )
    with tempfile.TemporaryDirectory(prefix="bullpen-bench-") as folder:
        for part in parts:
            print(f"\n{PARTS[part](options, Path(folder))}", flush=True)


if __name__ == "__main__":
    main()
