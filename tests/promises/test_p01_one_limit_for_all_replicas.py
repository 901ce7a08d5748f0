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
    return [(int(at), was_admitted == "1") for at, was_admitted in lines]


@pytest.mark.parametrize(
    ("unit", "rate", "burst", "cost"), [("requests", 100, 200, 1), ("tokens", 10_000, 20_000, 100)]
)
def test_p01_four_processes_admit_what_one_may(valkey_url: str, unit: str, rate: int, burst: int, cost: int) -> None:
    """At five times the limit all four together are admitted burst + rate * time, within 1 %, and never more.

    The rate is looked at from the first refusal to the last: before it, a busy machine may ask for less.
    """
    seconds, each = 3, 5 * rate / cost / PROCESSES
    numbers = (PROCESSES, seconds, each, rate, burst, cost)
    command = [sys.executable, "-m", "tests.stubs.limits", valkey_url, str(time.time_ns()), unit, *map(str, numbers)]
    running = [subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
    outputs = [moments(process.communicate(timeout=60)[0]) for process in running]

    answers = sorted(each for told in outputs for each in told)
    refusals = [at for at, was_admitted in answers if not was_admitted]
    began, full, ended = answers[0][0], refusals[0], refusals[-1]
    burst_admitted = cost * sum(was_admitted for at, was_admitted in answers if at <= full)
    admitted = cost * sum(was_admitted for at, was_admitted in answers if at <= ended)
    allowed = burst + rate * (ended - began) / MICROSECONDS
    assert burst <= burst_admitted <= burst + rate * (full - began) / MICROSECONDS
    assert burst_admitted + rate * (ended - full) / MICROSECONDS - 0.01 * allowed <= admitted <= allowed
    assert cost * len(answers) > 2 * allowed


def test_p01_four_servers_admit_what_one_may(valkey_url: str) -> None:
    """The same over HTTP, by the program that `make soak` runs for a minute: it fails beyond 1 %."""
    command = [sys.executable, "-m", "benchmarks.limits", "--seconds", "6", "--redis", valkey_url]
    run = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "ratio" in run.stdout
