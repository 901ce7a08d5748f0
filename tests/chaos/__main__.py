"""`python -m tests.chaos`: does every fault to a real server under load, and prints a line each.

It fails when a promise does not hold, in any of its rounds.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop

from tests.chaos.finding import Finding
from tests.chaos.house import Size
from tests.chaos.scenarios import SCENARIOS, SHORT, Scenario

__all__: list[str] = []


def _tried(scenario: Scenario, size: Size) -> Finding:
    """In a house of its own, so that no fault meets what another has left."""
    with tempfile.TemporaryDirectory(prefix="bullpen-chaos-") as folder, scenario.house(Path(folder), size) as house:
        return uvloop.run(_run(scenario, house))


async def _run(scenario: Scenario, house: object) -> Finding:
    return await scenario.run(house)


def _round(number: int, scenarios: Sequence[Scenario], size: Size) -> list[Finding]:
    findings = []
    for index, scenario in enumerate(scenarios, 1):
        print(f"round {number}, {index} of {len(scenarios)}: {scenario.name} …", file=sys.stderr, flush=True)
        began = time.monotonic()
        findings.append(_tried(scenario, size))
        print(f"{findings[-1].line()} ({time.monotonic() - began:.0f} s)", flush=True)
    return findings


def _chosen(only: str) -> list[Scenario]:
    names = [name for name in only.split(",") if name]
    known = [each.name for each in SCENARIOS]
    if unknown := set(names) - set(known):
        raise SystemExit(f"There is no fault {', '.join(sorted(unknown))}. There are: {', '.join(known)}.")
    return [each for each in SCENARIOS if not names or each.name in names]


def main() -> None:
    """Tries the faults so many times, and says which promises did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--only", default="", help="these faults, by comma")
    parser.add_argument("--times", type=int, default=3, help="rounds, one after the other")
    parser.add_argument("--short", action="store_true", help="the forms that run in the test suite")
    options = parser.parse_args()
    scenarios, size = _chosen(options.only), SHORT if options.short else Size()
    failed: dict[str, int] = {}
    for number in range(1, options.times + 1):
        print(f"\nround {number} of {options.times}", flush=True)
        for each in _round(number, scenarios, size):
            failed[each.name] = failed.get(each.name, 0) + (not each.holds)
    broken = [f"{name} ({times} of {options.times})" for name, times in failed.items() if times]
    print(f"\n{len(failed) - len(broken)} of {len(failed)} faults survived {options.times} times in a row.")
    if broken:
        raise SystemExit(f"Not survived: {', '.join(broken)}.")


if __name__ == "__main__":
    main()
