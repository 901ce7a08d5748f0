"""The bookmark: right, or nothing."""

from pathlib import Path

from bullpen.outbox.bookmark import Bookmark
from bullpen.outbox.segment import Position


def test_a_position_is_remembered(tmp_path: Path) -> None:
    """The last one saved is loaded, by another process too; the file is its owner's alone."""
    bookmark = Bookmark(tmp_path)
    assert bookmark.load() is None
    for position in (Position(1, 5), Position(12, 2**40)):
        bookmark.save(position)
        assert Bookmark(tmp_path).load() == position
    assert (tmp_path / "delivered").stat().st_mode & 0o777 == 0o600
    bookmark.close()


def test_a_damaged_one_is_no_position(tmp_path: Path) -> None:
    """Each byte that changed and each end that is missing is noticed: a wrong position would skip facts."""
    bookmark = Bookmark(tmp_path)
    bookmark.save(Position(3, 700))
    good = (tmp_path / "delivered").read_bytes()
    for at in range(len(good)):
        hurt = bytes((*good[:at], good[at] ^ 1, *good[at + 1 :]))
        for data in (hurt, good[:at]):
            (tmp_path / "delivered").write_bytes(data)
            assert bookmark.load() is None
    bookmark.close()


def test_one_that_cannot_be_written_is_only_stale(tmp_path: Path) -> None:
    """Failure mode: neither saving nor loading raises."""
    bookmark = Bookmark(tmp_path / "nowhere")
    bookmark.save(Position(1, 1))
    assert bookmark.load() is None
    bookmark.close()
    bookmark.close()
