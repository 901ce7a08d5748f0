"""Reads our own Markdown pages: their tables, code blocks, headings and links."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.stubs.serving import PROJECT

__all__ = ["PROJECT", "blocks", "headings", "links", "pages", "table"]

_FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")


def pages() -> list[Path]:
    """Every page of the project."""
    folders = (PROJECT / name for name in ("docs", "examples", "benchmarks"))
    return sorted([*PROJECT.glob("*.md"), *(page for folder in folders for page in folder.rglob("*.md"))])


def table(page: Path, *, header: str) -> Iterator[list[str]]:
    """The cells of every row under a table whose first heading is `header`, code marks removed; all such tables."""
    inside = False
    for line in page.read_text("utf-8").splitlines():
        cells = [cell.strip().replace("`", "") for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif inside and not set(line) <= set("|-: "):
            yield cells
        elif cells[0] == header:
            inside = True


def blocks(page: Path, *, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    return [code for name, code in _FENCE.findall(page.read_text("utf-8")) if name == language]


def links(page: Path) -> Iterator[str]:
    """Where the links of a page lead inside the project, code left out."""
    text = _FENCE.sub("", page.read_text("utf-8"))
    yield from (link for link in _LINK.findall(text) if "://" not in link)


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    text = _FENCE.sub("", page.read_text("utf-8"))
    found = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in found}
