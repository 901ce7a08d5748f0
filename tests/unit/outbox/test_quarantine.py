"""The quarantine: kept aside, and said once."""

from pathlib import Path

from structlog.testing import capture_logs

from bullpen.outbox.quarantine import QUARANTINE, Quarantine


def test_what_is_put_aside_is_kept_and_told_once(tmp_path: Path) -> None:
    """The same bytes under the same name, found again and again, are one file and one line of the log."""
    with capture_logs() as logged:
        for _ in range(3):
            Quarantine(tmp_path).put(b"damaged", name="a-1-0")
        Quarantine(tmp_path).put(b"other", name="a-1-9")
    kept = tmp_path / QUARANTINE / "a-1-0"
    assert kept.read_bytes() == b"damaged"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert [(entry["event"], entry["bytes"]) for entry in logged] == [
        ("outbox_quarantined", 7),
        ("outbox_quarantined", 5),
    ]
    assert {file.name for file in kept.parent.iterdir()} == {"a-1-0", "a-1-9"}
