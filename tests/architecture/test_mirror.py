"""`tests/unit` mirrors `src`: a module with logic in it has a test file of its own."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = ROOT / "src" / "bullpen"
UNIT: Final = ROOT / "tests" / "unit"

# A door is tested over the wire: api, cli and bootstrap by tests/acceptance. A port is tested by its adapters.
BY_ACCEPTANCE: Final = ("api", "cli", "bootstrap")
NAMES: Final = ("__init__.py", "__main__.py", "ports.py")


def modules() -> Iterator[Path]:
    for file in sorted(SOURCE.rglob("*.py")):
        inside = file.relative_to(SOURCE)
        if inside.parts[0] not in BY_ACCEPTANCE and file.name not in NAMES and _has_logic(file):
            yield inside


def mirrored(module: Path) -> Path:
    return UNIT / module.with_name(f"test_{module.name}")


def _has_logic(file: Path) -> bool:
    """Whether any function in it has a body: declarations alone need no test."""
    nodes = ast.walk(ast.parse(file.read_text()))
    return any(_does_something(node.body) for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _does_something(body: list[ast.stmt]) -> bool:
    return any(not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)) for each in body)


def test_there_is_something_to_mirror() -> None:
    """The search itself works: it finds modules, and knows one without logic."""
    found = set(modules())
    assert Path("resilience/deadline.py") in found
    assert Path("errors.py") in found
    assert Path("pool/ports.py") not in found


def test_every_module_has_its_test() -> None:
    """`src/bullpen/a/b.py` is tested by `tests/unit/a/test_b.py`."""
    missing = [str(mirrored(module).relative_to(ROOT)) for module in modules() if not mirrored(module).is_file()]
    assert not missing, f"write {', '.join(missing)}"


def test_no_test_is_left_behind() -> None:
    """A unit test whose module is gone goes with it."""
    tests = {file.relative_to(UNIT) for file in UNIT.rglob("test_*.py")}
    left = {test for test in tests if not (SOURCE / test.with_name(test.name.removeprefix("test_"))).is_file()}
    assert left == set()
