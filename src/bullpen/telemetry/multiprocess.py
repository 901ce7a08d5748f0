"""One truth over the workers of a server (P26): each keeps its figures in a shared folder, and any can tell them all.

It is prometheus-client's multiprocess mode, with a worker's number in place of its process id: the successor of a dead
worker takes its number, and goes on counting where that one stopped. So counters never go back, and the folder does not
grow with every restart.
"""

import os
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from prometheus_client import Metric, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

__all__ = ["MEAN", "folder", "forget", "join", "whole", "worker"]

MEAN: Final = "liveall"
"""The library's mode for a gauge that is the mean over the living workers here; the library cannot do that."""

_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
_joined: dict[Path, int] = {}  # the library's switch is one for the whole process, and so is this


def join(folder: Path, *, worker: int) -> None:
    """Makes this process one of several, for good; to be called before its first metric is made.

    Args:
        folder: That of all workers of one server, and of no other.
        worker: No two that live at the same time have the same number.
    """
    os.environ[_VARIABLE] = str(folder)
    # The library's manual names this for process identifiers other than the process id.
    values.ValueClass = _untyped(values.MultiProcessValue)(process_identifier=lambda: worker)
    _joined[folder] = worker


def folder() -> Path | None:
    """The folder this process has joined; None when it is the only one."""
    return next(iter(_joined), None)


def worker() -> int | None:
    """The number this process has joined with; None when it is the only one."""
    return next(iter(_joined.values()), None)


def forget(folder: Path, *, worker: int) -> None:
    """A worker is dead: what it counted stays, what it had at the moment is gone."""
    _untyped(mark_process_dead)(worker, path=str(folder))


def whole(folder: Path) -> Collector:
    """The figures of all workers."""
    return _Whole(folder)


def _untyped(thing: Any) -> Any:
    """What the library has left without annotations."""
    return thing


class _Whole(Collector):
    def __init__(self, folder: Path) -> None:
        self._all = _untyped(MultiProcessCollector)(None, path=str(folder))

    def collect(self) -> Iterator[Metric]:
        for metric in self._read():
            if metric.type == "gauge":
                metric.samples = list(_means(metric.samples))
            yield metric

    def _read(self) -> list[Metric]:
        try:
            return list(self._all.collect())
        except struct.error:  # a worker that starts has made its file this very moment, and it is empty still
            return list(self._all.collect())


def _means(samples: Iterable[Sample]) -> Iterator[Sample]:
    """One sample for those that differ in nothing but the worker."""
    found = defaultdict[tuple[str, frozenset[tuple[str, str]]], list[float]](list)
    for sample in samples:
        labels = frozenset((name, value) for name, value in sample.labels.items() if name != "pid")
        found[sample.name, labels].append(sample.value)
    for (name, labels), each in found.items():
        yield Sample(name, dict(labels), sum(each) / len(each))
