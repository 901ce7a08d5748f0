"""The journal: one write, bounded files, and nothing half-written that counts."""

import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from bullpen.errors import DependencyDown
from bullpen.outbox.segment import Journal, Position, segment_path, segments
from tests.stubs.outbox import left_in


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path, segment_bytes=100, synced=False)
    yield journal
    journal.close()


@contextmanager
def full_after(size: int) -> Iterator[None]:
    """No file of this process may grow beyond that size: a write is cut short, and the next one fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def open_files() -> int:
    return len(left_in(Path("/proc/self/fd")))


def content(folder: Path) -> list[bytes]:
    return [segment_path(folder, number).read_bytes() for number in segments(folder)]


def test_what_is_written_is_there_at_once(journal: Journal, tmp_path: Path) -> None:
    """Another process sees the bytes as soon as `write` has returned, in a file of the owner's alone."""
    journal.write(b"abc", facts=2)
    assert content(tmp_path) == [b"abc"]
    assert segment_path(tmp_path, 1).stat().st_mode & 0o777 == 0o600
    assert (journal.end, journal.facts) == (Position(1, 3), 2)


def test_a_full_file_is_followed_by_the_next(journal: Journal, tmp_path: Path) -> None:
    """A write is never divided over two files."""
    for byte in (b"a", b"b", b"c"):
        journal.write(byte * 60, facts=1)
    assert content(tmp_path) == [b"a" * 60 + b"b" * 60, b"c" * 60]
    assert journal.end == Position(2, 60)


def test_files_that_are_full_do_not_stay_open(journal: Journal) -> None:
    """However much is written, the process holds one file."""
    before = open_files()
    for _ in range(20):
        journal.write(b"a" * 100, facts=1)
    assert open_files() == before


def test_a_full_disk_raises_and_nothing_half_written_counts(journal: Journal, tmp_path: Path) -> None:
    """Failure mode: a write that was cut short is taken back, and the next one succeeds once there is space."""
    journal.write(b"whole", facts=1)
    with full_after(8):
        for _ in range(2):
            with pytest.raises(DependencyDown, match="cannot be written"):
                journal.write(b"too much", facts=1)
        assert content(tmp_path) == [b"whole"]
    journal.write(b"again", facts=1)
    assert content(tmp_path) == [b"wholeagain"]
    assert (journal.end, journal.facts) == (Position(1, 10), 2)


def test_no_space_for_the_next_file_raises(journal: Journal, tmp_path: Path) -> None:
    """Failure mode: a file that is full and cannot be followed is not written to."""
    journal.write(b"a" * 100, facts=1)
    segment_path(tmp_path, 2).touch()
    with pytest.raises(DependencyDown, match="File exists"):
        journal.write(b"b", facts=1)
    segment_path(tmp_path, 2).unlink()
    journal.write(b"b", facts=1)
    assert content(tmp_path) == [b"a" * 100, b"b"]


def test_a_closed_journal_raises(journal: Journal, tmp_path: Path) -> None:
    """Whoever writes late is told so, and no other file is touched."""
    journal.write(b"a" * 100, facts=1)
    journal.close()
    with pytest.raises(DependencyDown):
        journal.write(b"late", facts=1)
    assert content(tmp_path) == [b"a" * 100]


async def test_syncing_covers_files_that_are_full(tmp_path: Path) -> None:
    """Files that were filled since the last sync stay open until they are synced, and are then closed."""
    before = open_files()
    journal = Journal(tmp_path, segment_bytes=10, synced=True)
    with ThreadPoolExecutor(1) as threads:
        for _ in range(5):
            journal.write(b"a" * 10, facts=1)
        assert open_files() == before + 5
        await journal.sync(threads)
        assert open_files() == before + 1
    journal.close()
    assert open_files() == before


async def test_a_disk_that_fails_raises_and_its_file_is_left(tmp_path: Path) -> None:
    """Failure mode: after a failed sync the next write goes to another file; the system may have dropped the old."""
    folder = tmp_path / "gone"
    folder.mkdir()
    journal = Journal(folder, segment_bytes=100, synced=True)
    journal.write(b"a", facts=1)
    folder.rename(tmp_path / "moved")
    with ThreadPoolExecutor(1) as threads:
        with pytest.raises(DependencyDown, match="did not keep"):
            await journal.sync(threads)
        (tmp_path / "moved").rename(folder)
        journal.write(b"b", facts=1)
        await journal.sync(threads)
    assert content(folder) == [b"a", b"b"]
    journal.close()


def test_a_file_that_is_gone_is_not_written_to_again(journal: Journal, tmp_path: Path) -> None:
    """Once told so, the journal begins another."""
    journal.write(b"a", facts=1)
    journal.abandon()
    journal.write(b"b", facts=1)
    assert content(tmp_path) == [b"a", b"b"]
