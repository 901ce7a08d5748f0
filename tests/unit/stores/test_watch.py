"""A file that is read again when it changes."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from bullpen.errors import Misconfigured
from bullpen.stores.watch import FileWatch
from bullpen.telemetry import Metrics
from tests.stubs.limits import until


class Watched:
    """A file with a watch on it, and what came of that."""

    def __init__(self, folder: Path, *, every: float = 0.005) -> None:
        self.file = folder / "number.txt"
        self.file.write_text("1")
        self.taken: list[int] = []
        self.refused: list[Sequence[str]] = []
        self.defects = 0
        self.metrics = Metrics()
        self.watch = FileWatch(
            self.file,
            read=self._number,
            changed=self.taken.append,
            rejected=self.refused.append,
            metrics=self.metrics,
            every=every,
        )

    def _number(self, path: Path) -> int:
        """What the file says; "defect" is one of the reader's own."""
        text = path.read_text() if path.exists() else ""
        if text == "defect":
            self.defects += 1
            raise ZeroDivisionError
        if not text.isdecimal():
            raise Misconfigured(f"{path}:1: expected a number.")
        return int(text)

    def told(self, line: str) -> bool:
        return line.encode() in self.metrics.render()


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


async def test_a_change_holds_without_a_restart(watched: Watched) -> None:
    """Whoever asked to be told gets what the file says now, and hears nothing of a file that stayed the same."""
    assert not watched.watch.look()
    watched.watch.start()
    watched.file.write_text("234")

    async def was_told() -> bool:
        return bool(watched.taken)

    await until(was_told)
    await watched.watch.aclose()
    assert watched.taken == [234]
    assert watched.told('bullpen_config_reloads_total{file="number.txt",outcome="success"} 1.0')


def test_a_broken_file_changes_nothing(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    """What it said before stands, the log says why, once, and the mended file is taken."""
    watched.file.write_text("broken")
    assert [watched.watch.look(), watched.watch.look()] == [False, False]
    assert watched.told('bullpen_config_broken{file="number.txt"} 1.0')
    watched.file.unlink()
    assert [watched.watch.look(), watched.watch.look()] == [False, False]
    assert watched.taken == []
    assert len(watched.refused) == 2
    assert capsys.readouterr().out.count("expected a number") == 2
    watched.file.write_text("7")
    assert watched.watch.look()
    assert watched.taken == [7]
    assert watched.told('bullpen_config_broken{file="number.txt"} 0.0')


def test_another_file_in_its_place_is_a_change(watched: Watched) -> None:
    """As editors and mounted ConfigMaps do it, also when size and time are the same."""
    seen = watched.file.stat()
    other = watched.file.with_name("other.txt")
    other.write_text("2")
    os.utime(other, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    other.replace(watched.file)
    assert watched.watch.look()
    assert watched.taken == [2]


async def test_a_defect_of_the_reader_does_not_end_the_watch(watched: Watched) -> None:
    """It is logged, and the next change is taken."""
    watched.watch.start()
    watched.file.write_text("defect")

    async def was_read() -> bool:
        return watched.defects > 0

    await until(was_read)
    watched.file.write_text("12345")

    async def was_told() -> bool:
        return watched.taken == [12345]

    await until(was_told)
    await watched.watch.aclose()


async def test_closing_one_that_never_started_is_no_error(watched: Watched) -> None:
    """And closing twice is not either."""
    await watched.watch.aclose()
    watched.watch.start()
    await watched.watch.aclose()
    await watched.watch.aclose()
