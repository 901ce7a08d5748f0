"""Every alarm has a page, and the pages name only what there is: at three in the morning nobody can check."""

import re
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path

import pytest
import typer

from bullpen.cli import app
from bullpen.security.audit import EventType
from bullpen.settings import Settings
from bullpen.telemetry import Metrics
from tests.stubs.declared import commands_of, metrics_of, settings_of
from tests.stubs.pages import PROJECT, blocks, headings, links

RUNBOOKS = PROJECT / "docs" / "runbooks"
PAGES = sorted(page for page in RUNBOOKS.glob("*.md") if page.name != "README.md")
PARTS = ["What it means", "What users see", "Look", "Do", "Over when"]
EACH_PAGE = pytest.mark.parametrize("page", [*PAGES, RUNBOOKS / "README.md"], ids=lambda page: page.name)

METRICS: Mapping[str, tuple[str, str]] = dict(metrics_of(Metrics()))
SETTINGS = {name for name, _ in settings_of(Settings)}
COMMANDS: Mapping[str, set[str]] = dict(commands_of(typer.main.get_command(app), "bullpen"))
SOURCE = set(re.findall(r"\w+", "".join(each.read_text("utf-8") for each in (PROJECT / "src").rglob("*.py"))))


def test_every_runbook_is_listed_once() -> None:
    """Who is woken up begins at the list."""
    assert sorted(links(RUNBOOKS / "README.md")) == [page.name for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_runbook_has_its_parts(page: Path) -> None:
    """What it means, what users see, how to look, what to do, and when it is over."""
    assert re.findall(r"^## (.+)$", page.read_text("utf-8"), re.MULTILINE) == PARTS
    assert "over-when" in headings(page)
    assert blocks(page, language="sh"), "how to look is told in commands"


@EACH_PAGE
def test_every_metric_and_label_exists(page: Path) -> None:
    """A metric that is named is declared, and so are the labels it is asked for by."""
    text = page.read_text("utf-8")
    for name, asked in re.findall(r"\b(bullpen_\w+)(?:{([^}]*)})?", text):
        if name.endswith("_"):  # the head of a pattern
            continue
        _, labels = METRICS[re.sub(r"_(sum|count|bucket)$", "", name)]
        assert set(re.findall(r"(\w+)=", asked)) <= set(labels.split(", ")), name


@EACH_PAGE
def test_every_event_member_and_setting_exists(page: Path) -> None:
    """A name in code marks is a setting with its file, an audit event, or a word of the source."""
    marked = re.findall(r"`([^`\n]+)`", page.read_text("utf-8"))
    names = {name for each in marked for name in re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", each) if "bullpen_" not in each}
    variables = {name for each in marked for name in re.findall(r"\b[A-Z]+(?:_+[A-Z]+)+\b", each)}

    assert names - set(EventType) - SOURCE == set()
    assert {name.removesuffix("_FILE") for name in variables} - {
        each.removesuffix("_FILE") for each in SETTINGS
    } == set()


@EACH_PAGE
def test_every_audit_event_that_is_asked_for_exists(page: Path) -> None:
    """A filter by a type that does not exist would find nothing, and look like good news."""
    asked = re.findall(r"event_type=(\w+)", page.read_text("utf-8"))

    assert set(asked) <= set(EventType)


@EACH_PAGE
def test_every_command_exists(page: Path) -> None:
    """With each of its options."""
    text = page.read_text("utf-8")
    told = [line for block in blocks(page, language="sh") for line in block.splitlines()]
    told += re.findall(r"`([^`\n]+)`", text)
    for line in told:
        for words in re.findall(r"\bbullpen ([a-z][^|>`]*)", line):
            name = next((each for each in COMMANDS if f"bullpen {words} ".startswith(f"{each} ")), None)
            assert name is not None, line
            options = takewhile(lambda word: word != "#", words.split())
            assert {word for word in options if word.startswith("--")} <= COMMANDS[name], line
