"""The house keeps its shape: small files, and imports that only go downstairs."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
FOLDERS: Final = ("src", "tests", "benchmarks", "examples")
LONGEST: Final = 400
LONGEST_FUNCTION: Final = 50
EXCUSE: Final = re.compile(r"#\s*(?:noqa|type: ignore)\b")
REASONED: Final = re.compile(r"#\s*(?:noqa: [A-Z]+\d+|type: ignore\[[a-z-]+\])\s*(?:--|-|#)\s*\S+")


def files() -> list[Path]:
    return sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))


def functions() -> Iterator[tuple[str, int]]:
    """Every function, and how many lines it has."""
    for file in files():
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[1:] if ast.get_docstring(node) and node.body[1:] else node.body
                yield f"{file.relative_to(ROOT)}:{node.name}", (node.end_lineno or 0) - first[0].lineno + 1


def test_no_file_is_long() -> None:
    """400 lines are the most a file may have."""
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in files()}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}
    assert lengths


def test_no_function_is_long() -> None:
    """50 lines are the most a function may have, its docstring not counted."""
    assert [name for name, length in functions() if length > LONGEST_FUNCTION] == []
    assert any(True for _ in functions())


def test_every_excuse_has_a_reason() -> None:
    """Whoever silences a checker on a line says which rule, and why."""
    lines = [line for file in files() for line in file.read_text().splitlines() if EXCUSE.search(line)]
    assert [line.strip() for line in lines if not REASONED.search(line)] == []
    assert lines


def test_imports_only_go_downstairs() -> None:
    """Every contract of import-linter is kept."""
    linter = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    done = subprocess.run([*linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_no_import_is_excused() -> None:
    """No contract ignores an import, and the layers are exhaustive."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert [contract for contract in linter["contracts"] if "ignore_imports" in contract] == []
    assert any(contract.get("exhaustive") for contract in linter["contracts"] if contract["type"] == "layers")


@pytest.mark.parametrize("name", ["utils", "helpers", "common", "manager", "service", "handler", "impl", "misc"])
def test_no_module_has_a_name_that_says_nothing(name: str) -> None:
    """A module is named after its thing."""
    named = [file for file in files() if file.is_relative_to(ROOT / "src") and file.stem == name]
    folders = [folder for folder in (ROOT / "src").rglob(name) if folder.is_dir()]
    assert named + folders == []
