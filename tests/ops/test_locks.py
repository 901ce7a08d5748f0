"""The locks: everything that is installed is pinned, hashed and the same for running and for testing."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

PROJECT: Final = Path(__file__).parents[2]
LOCKS: Final = ("requirements.lock", "requirements-test.lock", "requirements-bootstrap.lock")


def entries(name: str) -> dict[str, str]:
    """Each requirement of a lock, by its name; the value is the whole entry with its version, marker and hashes."""
    text = (PROJECT / name).read_text(encoding="utf-8").replace("\\\n", "")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {re.split(r"[=;\s]", line, maxsplit=1)[0]: line for line in lines}


def project() -> dict[str, Any]:
    declared: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return declared


def normal(requirement: str) -> str:
    """The name in a requirement, as PEP 503 spells it."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name
    return re.sub(r"[-_.]+", "-", name[0]).lower()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_and_hashed(lock: str) -> None:
    """Plain pip refuses a lock in which one requirement has no hash; and what is not pinned is not locked."""
    assert entries(lock)
    for entry in entries(lock).values():
        assert re.fullmatch(r"[a-z0-9-]+==[^\s;]+( ; .+?)?( +--hash=sha256:[0-9a-f]{64})+", entry), entry


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_a_place(lock: str) -> None:
    """Where packages come from is pip's own configuration: a lock with an address works on one machine only."""
    text = (PROJECT / lock).read_text(encoding="utf-8")
    assert not re.search(r"://|file:|--(?!hash=)|^-| @ ", text, flags=re.MULTILINE)


def test_the_test_lock_holds_the_runtime_lock() -> None:
    """The tests run with the very versions that are shipped."""
    assert entries("requirements.lock").items() <= entries("requirements-test.lock").items()


def test_every_dependency_is_locked() -> None:
    """A dependency added to pyproject.toml without `make lock` is found here and not by the first user."""
    declared = project()
    runtime = {normal(each) for each in declared["dependencies"]}
    build = {normal(each) for each in declared["optional-dependencies"]["build"]}
    test = {normal(each) for each in declared["optional-dependencies"]["test"]}
    assert runtime | build <= entries("requirements.lock").keys()
    assert test <= entries("requirements-test.lock").keys()


def test_agno_is_pinned_exactly() -> None:
    """Agno fails quietly, and its traps are tested against one version."""
    pinned = [each for each in project()["dependencies"] if normal(each) == "agno"]
    assert len(pinned) == 1
    assert re.fullmatch(r"agno==\d+(\.\d+)+", pinned[0])
    assert entries("requirements.lock")["agno"].startswith(f"{pinned[0]} ")
