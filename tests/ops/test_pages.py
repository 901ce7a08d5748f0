"""The pages hold together, and what they tell people to copy works."""

import re
from pathlib import Path

import pytest
import yaml

from tests.stubs.pages import PROJECT, blocks, headings, links, pages
from tests.stubs.serving import bullpen

ADR = PROJECT / "docs" / "adr"
EACH_PAGE = pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(PROJECT)))


@EACH_PAGE
def test_every_link_leads_somewhere(page: Path) -> None:
    """A relative link names a file that is there, and a heading of it that is there."""
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in headings(target), link


@EACH_PAGE
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    """A page names no `make` target that the Makefile lacks."""
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE))

    assert named <= targets


@EACH_PAGE
def test_every_file_that_is_named_exists(page: Path) -> None:
    """A path in code marks is there: from the root of the project, of the package, or from the page's own folder."""
    text = page.read_text("utf-8")
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|yaml|md|toml|lock))`", text)
    named += re.findall(r"`((?:src|config|db|docs|examples|scripts|tests|benchmarks)/[\w./-]*)`", text)
    roots = (PROJECT, PROJECT / "src" / "bullpen", page.parent)

    assert [name for name in named if not any((root / name).exists() for root in roots)] == []


@EACH_PAGE
def test_every_block_of_code_can_be_read(page: Path) -> None:
    """A YAML block is YAML and a Python block compiles."""
    for block in blocks(page, language="yaml"):
        assert list(yaml.safe_load_all(block))
    for block in blocks(page, language="python"):
        compile(block, str(page), "exec")


def test_every_decision_is_complete_and_listed() -> None:
    """Each record has its four parts, its status and date, and a line in the list; the numbers have no gap."""
    records = sorted(ADR.glob("0*.md"))
    listed = (ADR / "README.md").read_text("utf-8")

    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    for record in records:
        text = record.read_text("utf-8")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences", "Alternatives"]
        assert re.search(r"^Status: \w+ · \d{4}-\d\d-\d\d$", text, re.MULTILINE), record.name
        assert f"({record.name})" in listed


@pytest.mark.parametrize(
    ("name", "agents"),
    [
        ("README.md", 3),
        ("docs/howto/add-an-agent.md", 3),
        ("docs/howto/bring-your-own-agno-agent.md", 3),
        ("docs/howto/add-a-tool.md", 1),
        ("docs/howto/survive-a-failing-model.md", 1),
        ("docs/howto/priorities-and-fairness.md", 1),
        ("docs/howto/batch-small-tasks.md", 1),
    ],
)
def test_the_agents_a_page_tells_people_to_make_are_in_order(tmp_path: Path, name: str, agents: int) -> None:
    """The files a reader is told to make pass `bullpen agents check` as they stand, beside the shipped tools."""
    (tmp_path / "config" / "agents").mkdir(parents=True)
    shipped = (PROJECT / "config" / "tools.yaml").read_text("utf-8")
    for path, text in {"config/tools.yaml": shipped, **files_of(PROJECT / name)}.items():
        (tmp_path / path).write_text(text, "utf-8")

    checked = bullpen("agents", "check", folder=tmp_path, settings={"CONFIG_DIR": "config"})

    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.startswith(f"{agents} agent"), checked.stdout


def test_the_example_agents_are_in_order(tmp_path: Path) -> None:
    """The catalogue under examples/ passes `bullpen agents check`."""
    checked = bullpen("agents", "check", folder=tmp_path, settings={"CONFIG_DIR": str(PROJECT / "examples")})

    assert checked.returncode == 0, checked.stdout


def files_of(page: Path) -> dict[str, str]:
    """The code blocks whose first line is a comment with a path: the files a reader is told to make."""
    code = [*blocks(page, language="yaml"), *blocks(page, language="python")]
    named = ((re.match(r"# (\S+\.(?:yaml|py))\n", block), block) for block in code)
    return {match[1]: block for match, block in named if match}
