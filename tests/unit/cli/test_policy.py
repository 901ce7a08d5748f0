"""`bullpen policy`, in this process."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bullpen.cli.policy import app
from tests.stubs.pages import PROJECT

SHIPPED = PROJECT / "config" / "policies.cedar"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def explained(*arguments: str) -> tuple[int, str]:
    done = run("explain", *arguments, "--file", str(SHIPPED))
    assert done.stderr == ""
    return done.exit_code, done.stdout


def test_the_shipped_policy_is_in_order() -> None:
    """With nothing to be warned of."""
    done = run("check", "--file", SHIPPED)

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "ok, 10 policies, roles admin, developer, analyst, user\n"


def test_without_a_file_the_one_of_the_configuration_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And where there is none, the built-in one."""
    monkeypatch.setenv("CONFIG_DIR", str(tmp_path))
    assert run("check").stdout.startswith("ok, 10 policies")

    (tmp_path / "policies.cedar").write_text('@id("a") permit (principal, action, resource);')
    done = run("check")

    assert (done.exit_code, done.stdout) == (0, "ok, 3 policies, roles (none)\n")
    assert "permits everybody everything" in done.stderr


def test_every_mistake_is_told_and_the_exit_code_says_so(tmp_path: Path) -> None:
    """On standard error, with the file's name."""
    path = tmp_path / "own.cedar"
    path.write_text("permit (principal, action, resource);\n@id() forbid (principal, action, resource);")

    done = run("check", "--file", path)

    assert (done.exit_code, done.stdout) == (2, "")
    assert f"{path}:1:1: the rule has no name" in done.stderr
    assert f"{path}:2:5: " in done.stderr
    assert run("check", "--file", tmp_path / "none").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["agent:execute", "agent/coder", "--role", "developer"], 0, "Allowed: rule `developer` permits it"),
        (
            ["agent:execute:advanced", "agent/coder", "--role", "developer"],
            1,
            "Denied: rule `advanced-needs-clearance`",
        ),
        (["agent:execute:advanced", "agent", "--role", "analyst", "--attribute", "clearance_level=2"], 0, "`analyst`"),
        (
            ["agent:execute:advanced", "agent", "--permission", "agent", "--attribute", "clearance_level=-2"],
            1,
            "Denied",
        ),
        (["agent:create", "agent", "--role", "user"], 1, "Denied: nothing permits it."),
        (["agent:read", "agent/1", "--role", "user", "--owner", "ann"], 0, "`user`"),
        (["agent:read", "agent/1", "--role", "user", "--owner", "bob"], 1, "nothing permits it"),
        (["data:read", "data", "--role", "analyst", "--department", "sales"], 1, "`own-department`"),
        (["data:read", "data", "--role", "analyst", "--department", "s", "--attribute", "department=s"], 0, "Allowed"),
        (["x", "thing", "--role", "admin", "--resource-tenant", "acme"], 1, "`other-tenant`"),
        (["audit:read:house", "house", "--role", "admin"], 0, "`admin`"),
        (["audit:read:house", "house", "--role", "admin", "--tenant", "acme"], 1, "`operator-only`"),
    ],
)
def test_a_case_is_explained(arguments: list[str], code: int, told: str) -> None:
    """By the rule that decides, or by what is missing; a script takes the exit code."""
    assert explained("ann", *arguments)[0] == code
    assert told in explained("ann", *arguments)[1]


def test_more_than_one_factor_can_be_said(tmp_path: Path) -> None:
    """For policies that ask for it."""
    path = tmp_path / "own.cedar"
    path.write_text('@id("a") permit (principal, action, resource) when { principal.mfa };')

    assert run("explain", "ann", "x", "y", "--file", path).exit_code == 1
    assert run("explain", "ann", "x", "y", "--file", path, "--mfa").exit_code == 0


def test_an_attribute_without_a_value_is_a_mistake() -> None:
    """It says how to write one."""
    done = run("explain", "ann", "x", "y", "--attribute", "clearance", "--file", SHIPPED)

    assert done.exit_code == 2
    assert "name=value" in done.stderr
