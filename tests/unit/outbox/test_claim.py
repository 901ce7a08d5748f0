"""Claims: one folder, one living process."""

from pathlib import Path

import pytest

from bullpen.outbox.claim import Claim
from tests.stubs.outbox import left_in


def test_a_folder_is_its_owners_alone(tmp_path: Path) -> None:
    """A new claim has a folder of its own, closed to other users, and nobody else can take it."""
    one, two = Claim.make(tmp_path / "outbox"), Claim.make(tmp_path / "outbox")
    assert one.folder != two.folder
    assert {path.stat().st_mode & 0o077 for path in (one.folder, one.folder.parent, one.folder / "lock")} == {0}
    assert Claim.take(one.folder) is None
    one.release()
    two.release()


def test_what_was_released_can_be_taken(tmp_path: Path) -> None:
    """The next who looks has the folder as it was left, and then nobody else."""
    claim = Claim.make(tmp_path)
    (claim.folder / "something").write_text("kept")
    claim.release()
    taken = Claim.take(claim.folder)
    assert taken is not None
    assert (taken.folder / "something").read_text() == "kept"
    assert Claim.take(claim.folder) is None
    taken.release()


def test_what_was_removed_is_gone(tmp_path: Path) -> None:
    """Removing takes the folder with everything in it."""
    claim = Claim.make(tmp_path)
    (claim.folder / "something").write_text("delivered")
    claim.remove()
    assert list(tmp_path.iterdir()) == []
    assert Claim.take(claim.folder) is None


def test_an_empty_folder_without_a_lock_is_tidied_up(tmp_path: Path) -> None:
    """A process that died while it made its claim leaves nothing behind; a folder with something in it stays."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "file").touch()
    assert Claim.take(tmp_path / "empty") is None
    assert Claim.take(tmp_path / "strange") is None
    assert left_in(tmp_path) == ["strange"]


def test_a_parent_that_is_no_folder_raises(tmp_path: Path) -> None:
    """Failure mode: `OSError`, as the system says it."""
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"exists|Not a directory"):
        Claim.make(tmp_path / "file")
