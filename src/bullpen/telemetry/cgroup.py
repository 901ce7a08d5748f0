"""What a container may use, and uses, by the kernel's control groups, version 2.

The files are those of the kernel's own page, `Documentation/admin-guide/cgroup-v2.rst`. Reading them waits for no disk.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["Cgroup"]

_ROOT: Final = Path("/sys/fs/cgroup")
_MEMBERSHIP: Final = Path("/proc/self/cgroup")
_MICROSECONDS: Final = 1_000_000


class Cgroup:
    """The control group of this process, and those around it, whose limits hold as well.

    Failure mode: open. What is not there or cannot be read is no limit; with version 1 there is none.
    """

    def __init__(self, *, root: Path = _ROOT, membership: Path = _MEMBERSHIP) -> None:
        """`root` is where the groups are, `membership` the file that says which one is ours."""
        self._levels = tuple(_levels(root, _path(membership)))

    def memory_percent(self) -> float | None:
        """How full the fullest limit is; None without any.

        Used is the working set as Kubernetes counts it: what is held, without the pages of files that nobody has
        looked at lately, for the kernel drops those before it kills.
        """
        return max(filter(None, map(_memory_percent, self._levels)), default=None)

    def cpu(self) -> tuple[float, float] | None:
        """Processor seconds used so far under the tightest quota, and how many cores it is; None without any."""
        quotas = [(cores, level) for level in self._levels if (cores := _cores(level))]
        if not quotas:
            return None
        cores, level = min(quotas)
        used = _fields(level / "cpu.stat").get("usage_usec")
        return None if used is None else (used / _MICROSECONDS, cores)


def _path(membership: Path) -> str:
    """Our group's path below the root; the line of version 2 begins with `0::`."""
    found = [line[3:] for line in _text(membership).splitlines() if line.startswith("0::")]
    return found[0].strip("/") if found else ""


def _levels(root: Path, path: str) -> Iterator[Path]:
    """Our group first and the root last; the root alone where our group cannot be seen from here."""
    folder = root / path
    if ".." not in path and folder.is_dir():
        while folder != root:
            yield folder
            folder = folder.parent
    yield root


def _memory_percent(level: Path) -> float | None:
    limit, held = _number(level / "memory.max"), _number(level / "memory.current")
    if not limit or held is None:
        return None
    return 100 * max(0.0, held - _fields(level / "memory.stat").get("inactive_file", 0)) / limit


def _cores(level: Path) -> float | None:
    """The quota as cores: `cpu.max` holds microseconds of work, and of the period they are for."""
    match _text(level / "cpu.max").split():
        case [quota, period] if quota.isdecimal() and period.isdecimal():
            return int(quota) / int(period)
        case _:
            return None


def _number(file: Path) -> float | None:
    text = _text(file).strip()
    return float(text) if text.isdecimal() else None  # without a limit it is the word `max`


def _fields(file: Path) -> dict[str, int]:
    pairs = (line.partition(" ") for line in _text(file).splitlines())
    return {name: int(value) for name, _, value in pairs if value.isdecimal()}


def _text(file: Path) -> str:
    try:
        return file.read_text("ascii", errors="replace")
    except OSError:
        return ""
