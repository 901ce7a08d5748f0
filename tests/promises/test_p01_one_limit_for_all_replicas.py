"""P01: N replicas keep one limit, and not each its own (litellm #40291, #27736, #13202; bifrost #3547)."""

import subprocess
import sys
import time

import pytest

from bullpen.limits.gcra import MICROSECONDS
from tests.stubs.serving import PROJECT

PROCESSES = 4


def moments(output: str) -> list[tuple[int, bool]]:
    """When each answer was given, by Redis' clock in microseconds, and whether it was yes."""
    lines = [line.split() for line in output.splitlines()]
    return sorted((int(at), was_admitted == "1") for at, was_admitted in lines)


@pytest.mark.parametrize(
    ("unit", "rate", "burst", "cost"), [("requests", 200, 200, 1), ("tokens", 20_000, 20_000, 100)]
)
def test_p01_four_processes_admit_what_one_may(valkey_url: str, unit: str, rate: int, burst: int, cost: int) -> None:
    """At five times the limit all four together are admitted burst + rate * time, within 1 %, and never more."""
    seconds, each = 3, 5 * rate / cost / PROCESSES
    numbers = (PROCESSES, seconds, each, rate, burst, cost)
    command = [sys.executable, "-m", "tests.stubs.limits", valkey_url, str(time.time_ns()), unit, *map(str, numbers)]
    running = [subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
    outputs = [moments(process.communicate(timeout=60)[0]) for process in running]

    began = min(told[0][0] for told in outputs)
    asked_last = min(told[-1][0] for told in outputs)  # until here all of them were asking
    ended = max(at for told in outputs for at, was_admitted in told if at <= asked_last and not was_admitted)
    admitted = cost * sum(was_admitted for told in outputs for at, was_admitted in told if at <= ended)
    allowed = burst + rate * (ended - began) / MICROSECONDS
    assert 0.99 * allowed <= admitted <= allowed
    assert cost * sum(map(len, outputs)) > 3 * allowed


def test_p01_four_servers_admit_what_one_may(valkey_url: str) -> None:
    """The same over HTTP, by the program that `make soak` runs for a minute: it fails beyond 1 %."""
    command = [sys.executable, "-m", "benchmarks.limits", "--seconds", "6", "--redis", valkey_url]
    run = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "ratio" in run.stdout
