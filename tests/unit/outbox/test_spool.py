"""The spool: everything once, whatever was left behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bullpen.outbox.frames import encode
from bullpen.outbox.quarantine import QUARANTINE, Quarantine
from bullpen.outbox.segment import Journal, segment_path, segments
from bullpen.outbox.spool import Spool
from tests.stubs.outbox import fact, facts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    return folder


@pytest.fixture
def journal(folder: Path) -> Iterator[Journal]:
    journal = Journal(folder, segment_bytes=100, synced=False)
    yield journal
    journal.close()


def spool(folder: Path, journal: Journal | None = None) -> Spool:
    return Spool(folder, quarantine=Quarantine(folder.parent), journal=journal)


def write(journal: Journal, *names: object) -> None:
    for name in names:
        journal.write(encode(facts(name)), facts=1)


def drain(spool: Spool, *, most: int = 2) -> list[str]:
    """Reads and forgets everything there is."""
    read = list[str]()
    while portion := spool.read(most):
        read += [each.id for each in portion.facts]
        spool.forget(portion)
    assert spool.empty
    return read


def test_everything_is_read_in_order_over_all_files(folder: Path, journal: Journal) -> None:
    """Portions follow one another without gap or repetition, and files that are done are removed."""
    own = spool(folder, journal)
    assert own.empty
    write(journal, *range(10))
    assert len(segments(folder)) > 2
    assert drain(own) == [str(number) for number in range(10)]
    assert own.delivered == 10
    write(journal, "more")
    assert drain(own) == ["more"]
    assert len(segments(folder)) == 1


def test_until_it_is_forgotten_a_portion_comes_again(folder: Path, journal: Journal) -> None:
    """Reading alone changes nothing; forgetting twice is forgetting once."""
    own = spool(folder, journal)
    write(journal, "a", "b", "c")
    first = own.read(2)
    assert first is not None
    assert own.read(2) == first
    own.forget(first)
    own.forget(first)
    assert own.delivered == 2
    assert drain(own) == ["c"]


def test_the_dead_are_read_from_their_bookmark(folder: Path, journal: Journal) -> None:
    """What was delivered before is not read again; with a stale bookmark more is, and nothing less."""
    own = spool(folder, journal)
    write(journal, *range(10))
    portion = own.read(3)
    assert portion is not None
    own.forget(portion)
    assert drain(spool(folder)) == [str(number) for number in range(3, 10)]


def test_a_lost_bookmark_is_harmless(folder: Path, journal: Journal) -> None:
    """Without it reading begins at the first file that is there."""
    own = spool(folder, journal)
    write(journal, *range(10))
    drain(own, most=3)
    (folder / "delivered").unlink()
    again = drain(spool(folder))
    assert again == [str(number) for number in range(10)][-len(again) :]


def test_a_torn_tail_is_cut(folder: Path, journal: Journal) -> None:
    """What a process was writing when it died does not count, and is told."""
    write(journal, "a", "b")
    last = segment_path(folder, segments(folder)[-1])
    last.write_bytes(last.read_bytes()[:-1])
    with capture_logs() as logged:
        assert drain(spool(folder)) == ["a"]
    assert [entry["event"] for entry in logged] == ["outbox_tail_cut"]


def test_an_unreadable_record_is_quarantined_and_the_rest_goes_on(folder: Path, journal: Journal) -> None:
    """Damage in the middle is put aside, named by its place, and stops nothing."""
    write(journal, "a", "b")
    damaged = segment_path(folder, 1)
    data = bytearray(damaged.read_bytes())
    data[20] ^= 1
    damaged.write_bytes(data)
    write(journal, "c")
    assert drain(spool(folder, journal)) == ["b", "c"]
    kept = list((folder.parent / QUARANTINE).iterdir())
    assert [file.name for file in kept] == ["own-00000001-0"]
    assert kept[0].read_bytes() == data[: len(encode(facts("a")))]


def test_a_record_larger_than_a_read_is_read(folder: Path) -> None:
    """Facts that were appended together come together, however many bytes they are."""
    journal = Journal(folder, segment_bytes=10_000_000, synced=False)
    own = spool(folder, journal)
    write(journal, "before")
    many = [fact(f"n{number}", size=60_000) for number in range(20)]
    journal.write(encode(many), facts=20)
    write(journal, "after")
    assert drain(own, most=500) == ["before", *(each.id for each in many), "after"]
    journal.close()


def test_a_file_that_somebody_removed_is_told_once_and_left(folder: Path, journal: Journal) -> None:
    """Failure mode: what it had is lost, the log says so, and later facts go to another file."""
    own = spool(folder, journal)
    write(journal, "lost")
    segment_path(folder, 1).unlink()
    with capture_logs() as logged:
        assert own.read(1) is None
        assert own.read(1) is None
    assert [entry["event"] for entry in logged] == ["outbox_segment_lost"]
    assert own.empty
    write(journal, "a", "b")
    assert drain(own) == ["a", "b"]


def test_an_empty_folder_has_nothing(folder: Path) -> None:
    """A process that died before it wrote left nothing to read."""
    assert drain(spool(folder)) == []
