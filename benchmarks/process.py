"""One system as a process of its own, on one core, with what it costs."""

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Self

import psutil

__all__ = ["PROJECT", "Process", "free_port", "on_core"]

PROJECT: Final = Path(__file__).parents[1]

_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def on_core(index: int) -> Iterator[None]:
    """What is started inside the block stays on one core; no promise where the system cannot pin, or has one core."""
    if len(_CORES) <= index:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {_CORES[index]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Process:
    """A running program and its children. Its output goes to `log`; `environment` is all it inherits."""

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path) -> None:
        self._log = log
        self._started = time.perf_counter()
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                command, env=dict(environment), cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self._process = psutil.Process(self._popen.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Asks it to end, and ends it when it has not within ten seconds."""
        self._popen.terminate()
        try:
            self._popen.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()

    def ready(self, url: str, *, within: float = 60.0) -> float:
        """Waits until `url` answers 200; returns the seconds since the start. Raises RuntimeError with the log."""
        while time.perf_counter() - self._started < within and self._popen.poll() is None:
            with suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                urllib.request.urlopen(url, timeout=5).close()
                return time.perf_counter() - self._started
            time.sleep(0.01)
        raise RuntimeError(f"{url} did not answer:\n{self._log.read_text()[-2000:]}")

    def cpu(self) -> float:
        """Seconds of CPU so far, user and system, the whole tree."""
        return sum(sum(each.cpu_times()[:2]) for each in self._tree())

    def memory(self) -> float:
        """Resident memory now, MB, the whole tree."""
        return float(sum(each.memory_info().rss for each in self._tree())) / 1e6

    def _tree(self) -> list[psutil.Process]:
        return [self._process, *self._process.children(recursive=True)]
