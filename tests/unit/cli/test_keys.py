"""`bullpen keys create`, in this process. What the keys open is tested in `tests/acceptance`."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bullpen.cli.keys import app


def test_standard_output_is_the_key_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script takes the output for the key, whatever there is to be warned of at the time."""
    (tmp_path / "secret").write_text("5" * 64)
    (tmp_path / "secret").chmod(0o644)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    done = CliRunner().invoke(app, ["create", "kiosk"])
    assert done.exit_code == 0, done.output
    assert "file_was_open" in done.stderr
    assert done.stdout.startswith("bp_")
    assert done.stdout.count("\n") == 1
