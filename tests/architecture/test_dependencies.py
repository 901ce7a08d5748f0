"""What the package imports and what it asks to have installed are the same."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]

LOADED_BY_OTHERS: Final = {
    "aiohttp",  # the transport of OpenAI's and Anthropic's clients
    "aiosqlite",  # SQLAlchemy's driver for SQLite
    "psycopg",  # SQLAlchemy's driver for Postgres
}


def declared() -> set[str]:
    """Distributions in `pyproject.toml`, their names as PEP 503 spells them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return {normal(re.split(r"[^A-Za-z0-9._-]", each, maxsplit=1)[0]) for each in project["dependencies"]}


def imported() -> set[str]:
    """Distributions that some module of ours imports by name."""
    distributions = packages_distributions()
    names = {name for file in (ROOT / "src").rglob("*.py") for name in packages(file)}
    foreign = names - set(sys.stdlib_module_names) - {"bullpen"}
    return {normal(distributions[name][0]) for name in foreign}


def packages(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_whatever_is_imported_is_asked_for() -> None:
    """What is there only because something else needs it may be gone with that one's next release."""
    assert imported() - declared() == set()


def test_whatever_is_asked_for_is_used() -> None:
    """Nothing is installed for nothing: it is imported, or loaded by a library that is."""
    assert declared() - imported() - LOADED_BY_OTHERS == set()
