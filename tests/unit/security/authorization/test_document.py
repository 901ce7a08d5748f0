"""Reading a policy file."""

import tomllib
from pathlib import Path

import pytest

from bullpen.errors import Misconfigured
from bullpen.security.authorization.cedar import CedarPolicy
from bullpen.security.authorization.document import FILE, LARGEST, built_in, policies_in, policies_of, read_policies
from bullpen.stores import FileWatch
from bullpen.telemetry import Metrics
from tests.stubs.pages import PROJECT
from tests.stubs.policy import allows, asking

RULE = '@id("a") permit (principal in Role::"a", action, resource);'


def test_a_file_is_read_with_its_name_for_messages(tmp_path: Path) -> None:
    """A byte order mark, as some editors write it, is no mistake."""
    path = tmp_path / FILE
    path.write_text(f"\n{RULE}", "utf-8-sig")

    assert read_policies(path).rules[0].place == f"{path}:2"


def test_the_standing_rules_are_in_every_policy() -> None:
    """After those of the file."""
    assert [rule.id for rule in policies_of(RULE).rules] == ["a", "other-tenant", "operator-only"]


def test_without_a_file_the_built_in_policy_holds(tmp_path: Path) -> None:
    """It is the shipped one."""
    shipped = (PROJECT / "config" / FILE).read_text("utf-8")

    assert policies_in(tmp_path) == built_in()
    assert built_in().text.startswith(shipped)
    (tmp_path / FILE).write_text(RULE)
    assert policies_in(tmp_path).roles == ("a",)


def test_an_installed_package_carries_the_policy_along() -> None:
    """Where `built_in` looks for it."""
    build = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]

    assert build["targets"]["wheel"]["force-include"]["config"] == "bullpen/config"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"// " + b"x" * LARGEST, f"larger than {LARGEST} bytes"),
        (b"x" * 1_000_000, f"larger than {LARGEST} bytes"),
        (b"\x00\x01\x02\xff\xfe", "not UTF-8 text: byte 3"),
        (b"\x00" * 100, "does not belong here"),
        (b"\x7fELF\x02\x01", "does not belong here"),
        (b"roles:\n  admin: [user]\n", "unexpected token"),
    ],
)
def test_what_is_no_policy_file_is_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    """Whatever is in it, at once, and with its name."""
    path = tmp_path / FILE
    path.write_bytes(content)

    with pytest.raises(Misconfigured) as caught:
        read_policies(path)

    assert caught.value.problems[0].startswith(str(path))
    assert expected in caught.value.problems[0]


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """The built-in policy does not hide that something else is there."""
    (tmp_path / FILE).mkdir()

    with pytest.raises(Misconfigured, match="cannot be read"):
        policies_in(tmp_path)


def test_a_changed_file_decides_and_one_that_is_broken_or_gone_does_not(tmp_path: Path) -> None:
    """What was read last stands until the next file that has no mistake."""
    path = tmp_path / FILE
    path.write_text(RULE)
    policy = CedarPolicy(read_policies(path))
    refused: list[int] = []
    watch = FileWatch(
        path,
        read=read_policies,
        changed=policy.replace,
        metrics=Metrics(),
        rejected=lambda problems: refused.append(len(problems)),
    )
    assert (allows(policy, asking("a"), "x"), allows(policy, asking("b"), "x")) == (True, False)

    for broken in (f"{RULE} permit;", "", f"{RULE} {RULE} {RULE}"):
        path.write_text(broken)
        assert not watch.look()
    path.unlink()
    assert not watch.look()
    assert refused == [1, 1, 2, 1]
    assert (allows(policy, asking("a"), "x"), allows(policy, asking("b"), "x")) == (True, False)

    path.write_text(RULE.replace('"a"', '"b"'))
    assert watch.look()
    assert (allows(policy, asking("a"), "x"), allows(policy, asking("b"), "x")) == (False, True)
