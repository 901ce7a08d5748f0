"""P25: no security feature needs a paid licence (litellm's enterprise documentation, langgraph #5390)."""

import re
import tomllib
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from bullpen.settings import Settings
from tests.stubs.pages import PROJECT
from tests.stubs.serving import Server

# Words by which a product tells its paid part from the other.
PAID = re.compile(
    r"licen[cs]e_?key|licen[cs]ed_to|enterprise_(?:only|feature)|premium|paid_(?:plan|tier)|paywall", re.IGNORECASE
)
# The posture last: it counts what the others have left in the trail.
FEATURES = ("/security/keys", "/audit/log", "/audit/verify", "/metrics", "/agents", "/security/status")
COMMANDS = (("keys", "create", "kiosk", "--role", "user"), ("policy", "check"), ("audit", "verify"))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server as it comes out of a fresh clone: nothing is set."""
    with Server(tmp_path_factory.mktemp("fresh"), settings={}) as server:
        yield server


def names(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from names(field.annotation)


def test_p25_the_whole_package_is_open() -> None:
    """One open licence over everything, and no setting and no line of code that asks for another."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0"
    assert (PROJECT / "LICENSE").read_text().lstrip().startswith("Apache License")
    assert [name for name in names(Settings) if re.search(r"licen[cs]e|edition|subscription|plan$", name)] == []
    assert [str(file) for file in (PROJECT / "src").rglob("*.py") if PAID.search(file.read_text())] == []


def test_p25_the_search_finds_what_it_is_for() -> None:
    """A licence key in a setting or a line of code would fail the build."""
    assert all(map(PAID.search, ("LICENSE_KEY", "licensekey", "if premium_user:", "enterprise_only")))


def test_p25_every_security_feature_works_at_once(fresh: Server) -> None:
    """Keys, audit with its chain, posture and limits answer on a server on which nothing was set."""
    with fresh.client() as client:
        answers = {path: client.get(path) for path in FEATURES}
    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(FEATURES, 200)
    assert "ratelimit" in answers["/agents"].headers
    assert answers["/audit/verify"].json()["intact"] is True
    assert answers["/security/status"].json()["total_audit_entries"] > 0


@pytest.mark.parametrize("command", COMMANDS)
def test_p25_every_security_command_works_at_once(fresh: Server, command: tuple[str, ...]) -> None:
    """From the same clone."""
    done = fresh.bullpen(*command)
    assert done.returncode == 0, done.stdout
