"""`python -m benchmarks`: starts every system, measures them in interleaved rounds, prints the table.

It fails when an answer is wrong, never because of a time.
"""

import argparse
import os
import platform
import tempfile
from pathlib import Path
from typing import Final

from benchmarks import dead, guards, lanes, memory, route
from benchmarks.compare import CONNECTIONS, compared
from benchmarks.report import streams_table, systems_table
from benchmarks.systems import FLOOR, SYSTEMS
from benchmarks.verdict import verdict

__all__: list[str] = []


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures Bullpen beside its peers.")
    parser.add_argument("--rounds", type=int, default=3, help="rounds over all systems; the median is shown")
    parser.add_argument("--seconds", type=float, default=5.0, help="of full load for each system in each round")
    parser.add_argument("--only", default="", help="measure only systems whose name contains one of these, by comma")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"what to measure, by comma: {', '.join(PARTS)}")
    return parser.parse_args()


def _guards(options: argparse.Namespace, folder: Path) -> str:
    return f"## Each guard\n\n{guards.measured(rounds=options.rounds, folder=folder)}"


def _lanes(options: argparse.Namespace, _: Path) -> str:
    return f"## Lanes\n\n{lanes.measured(rounds=options.rounds)}"


def _route(options: argparse.Namespace, folder: Path) -> str:
    told = route.measured(rounds=options.rounds, seconds=options.seconds, folder=folder)
    return f"## All guards, before a route that does nothing\n\n{told}"


def _systems(options: argparse.Namespace, folder: Path) -> str:
    wanted = options.only.lower().split(",")
    systems = [system for system in SYSTEMS if any(word in system.name.lower() for word in wanted)]
    if not systems:
        raise SystemExit(f"No system is called {options.only}. There are: {'; '.join(each.name for each in SYSTEMS)}.")
    rows, direct = compared(systems, rounds=options.rounds, seconds=options.seconds, folder=folder)
    floor = next((row for row in rows if row.name == FLOOR.name), None)
    whole = systems_table(rows, floor=floor)
    streams = streams_table(rows, direct=direct, floor=floor)
    return f"## Systems\n\n{whole}\n\n{streams}\n\n{verdict(rows, direct=direct)}"


def _home(folder: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=folder))


def _dead(_: argparse.Namespace, folder: Path) -> str:
    return f"## A dead model\n\n{dead.measured(folder=_home(folder))}"


def _memory(_: argparse.Namespace, folder: Path) -> str:
    return f"## Memory\n\n{memory.measured(folder=_home(folder))}"


PARTS: Final = {
    "guards": _guards,
    "lanes": _lanes,
    "route": _route,
    "systems": _systems,
    "dead": _dead,
    "memory": _memory,
}


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
