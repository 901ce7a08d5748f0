"""The limits file, changed while the service runs."""

from pathlib import Path

import pytest

from bullpen.limits.document import read_rules
from bullpen.limits.rules import Rule, Rules
from bullpen.limits.watch import RulesWatch
from tests.stubs.limits import until


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "limits.yaml"
    file.write_text("levels: {user: {rate: 1}}")
    return file


def rewrite(file: Path, text: str) -> None:
    file.write_text(text)


async def test_a_change_holds_without_a_restart(file: Path) -> None:
    """Whoever asked to be told gets the new rules, and hears nothing of a file that stayed the same."""
    told: list[Rules] = []
    watch = RulesWatch(file, read=read_rules, changed=told.append, every=0.005)
    assert not watch.look()
    watch.start()
    rewrite(file, "levels: {user: {rate: 234}}")

    async def was_told() -> bool:
        return bool(told)

    await until(was_told)
    await watch.aclose()
    assert told == [Rules(levels={"user": Rule(rate=234)})]


def test_a_broken_file_changes_nothing(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The old rules stand, the log says why, once, and the mended file is taken."""
    told: list[Rules] = []
    watch = RulesWatch(file, read=read_rules, changed=told.append)
    file.write_text("levels: {usr: {rate: 1}}")
    assert [watch.look(), watch.look()] == [False, False]
    file.unlink()
    assert not watch.look()
    assert told == []
    assert capsys.readouterr().out.count("Did you mean `user`?") == 1
    file.write_text("levels: {}")
    assert watch.look()
    assert told == [Rules()]
