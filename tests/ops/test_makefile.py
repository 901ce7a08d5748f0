"""The Makefile: one entrance for people and CI, and it explains itself."""

import os
import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

PROJECT: Final = Path(__file__).parents[2]
MAKEFILE: Final = (PROJECT / "Makefile").read_text(encoding="utf-8")
TARGETS: Final = re.findall(r"^([a-z][a-z-]*):", MAKEFILE, flags=re.MULTILINE)


def make(*arguments: str) -> str:
    """What it prints; it knows nothing of the make that may be running these tests."""
    alone = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["make", *arguments], cwd=PROJECT, env=alone, stdout=subprocess.PIPE, text=True, timeout=30, check=True
    )
    return done.stdout


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_is_explained(target: str) -> None:
    """A target without a `##` text is missing from `make help`, so there is none."""
    assert re.search(rf"^  make {target} +\S", make("help"), flags=re.MULTILINE)


def test_help_is_what_make_alone_prints() -> None:
    """A newcomer who types `make` is told what there is, and nothing is done."""
    assert make() == make("help")


def test_every_target_is_phony() -> None:
    """A file that happens to be called `test` does not stop `make test`."""
    phony = re.search(r"^\.PHONY: (.+)$", MAKEFILE, flags=re.MULTILINE)
    assert phony
    assert sorted(phony[1].split()) == sorted(TARGETS)


def test_run_takes_a_port() -> None:
    """`make run PORT=9` serves there, and without a word it is 8000."""
    assert "serve --port 9 " in make("-n", "run", "PORT=9")
    assert "serve --port 8000 " in make("-n", "run")


@pytest.mark.parametrize("question", ["It costs $5.", "Is $(shell echo x) run?", 'It\'s "quoted" `here`', "100 % #1"])
def test_a_question_is_asked_as_it_was_typed(question: str) -> None:
    """Make has words of its own for `$`; a question has not."""
    shown = make("--eval", 'shown: ; @printf %s "$$ASK"', "shown", f"ASK={question}")
    assert shown == question


def test_ci_runs_the_commands_of_the_makefile() -> None:
    """CI tests what `make test` tests: `.ci/run` calls pytest itself only to end with pytest's own line and status."""
    command = make("-n", "test").splitlines()[-1].strip()
    assert f" {command} " in (PROJECT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["scripts/venv", "scripts/foreground.py", ".ci/run"])
def test_scripts_can_be_started(name: str) -> None:
    """A script that lost its executable bit fails on a fresh clone only, so it is looked at here."""
    script = PROJECT / name
    assert script.read_text(encoding="utf-8").startswith("#!")
    assert script.stat().st_mode & 0o111 == 0o111
