"""`bullpen keys`, in this process. What the keys open is tested in `tests/acceptance`."""

import json
from pathlib import Path
from typing import Any

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


def made(*arguments: str) -> str:
    """The key that `create` prints, and nothing beside it when nothing is wrong."""
    done = CliRunner().invoke(app, ["create", *arguments])
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    return done.stdout.strip()


def listed() -> dict[str, Any]:
    """The only key there is, as `list --json` tells it."""
    done = CliRunner().invoke(app, ["list", "--json"])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_key_has_attributes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without them no key made here could run an advanced agent, or see a department's data."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    made("n", "--attribute", "clearance_level=2", "--attribute", "department=sales")
    assert listed()["attributes"] == {"clearance_level": 2, "department": "sales"}
    done = CliRunner().invoke(app, ["create", "n", "--attribute", "clearance_level"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "write `name=value`" in done.stderr


def test_a_whole_key_is_as_good_as_its_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has found one somewhere pastes it, and must not read that there is no such key. It is not repeated."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    key = made("n")
    done = CliRunner().invoke(app, ["revoke", key])
    assert done.exit_code == 0, done.output
    assert key.rpartition("_")[2] not in done.output
    assert listed()["state"] == "revoked"


def test_a_key_that_never_seems_to_expire_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A time that no calendar has would break every list it is in."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    done = CliRunner().invoke(app, ["create", "n", "--days", "1e300"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert CliRunner().invoke(app, ["list"]).exit_code == 0
