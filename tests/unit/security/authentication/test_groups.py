"""Groups and their roles: read with positions, replaced while in use."""

from pathlib import Path

import pytest

from bullpen.errors import Misconfigured
from bullpen.security.authentication.groups import Groups, read_groups

ROLES = ("admin", "analyst", "developer", "user")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "groups.yaml"


def problems(file: Path, text: str) -> list[str]:
    file.write_text(text)
    with pytest.raises(Misconfigured) as caught:
        read_groups(file, roles=ROLES)
    return [problem.removeprefix(str(file)) for problem in caught.value.problems]


def test_members_have_the_roles_of_all_their_groups(file: Path) -> None:
    """A group that is not in the file has none; names are as the token spells them."""
    file.write_text("/staff: [user]\n0042: [analyst, user]\n'a b': []\n")
    groups = Groups(read_groups(file, roles=ROLES))
    assert groups.roles_of(["/staff", "0042", "a b", "unknown"]) == {"user", "analyst"}
    assert groups.roles_of(["42", "staff", "/STAFF"]) == frozenset()
    assert groups.roles_of([]) == frozenset()


def test_a_replacement_is_noticed(file: Path) -> None:
    """Whoever remembers what a group was allowed can see that it has changed."""
    groups = Groups({"a": frozenset({"user"})})
    version = groups.version
    groups.replace({})
    assert groups.version != version
    assert groups.roles_of(["a"]) == frozenset()


@pytest.mark.parametrize("text", ["", "{}", "# nothing yet\n", "~"])
def test_an_empty_file_gives_nobody_anything(file: Path, text: str) -> None:
    """It is allowed, and closed."""
    file.write_text(text)
    assert read_groups(file) == {}


def test_every_mistake_is_told_at_once_with_its_line(file: Path) -> None:
    """And what was probably meant."""
    text = "a: [anlyst]\nb: user\nc: [[user]]\na: [user]\n[x]: [user]\nd: [qqq]\n"
    assert problems(file, text) == [
        ":1: unknown role `anlyst`. Did you mean `analyst`?",
        ":2: the roles of `b` must be a list, as in `[analyst]`.",
        ":3: a role of `c` must be a name.",
        ":4: the group `a` is given twice; remove one of the two.",
        ":5: a group must have a name.",
        ":6: unknown role `qqq`. Known are: admin, analyst, developer, user.",
    ]


@pytest.mark.parametrize("text", ["- a\n", "a: [", "a: *b", "a", "\x00", "[" * 3000])
def test_what_is_no_mapping_is_a_mistake(file: Path, text: str) -> None:
    """Said in a line, without a traceback."""
    [problem] = problems(file, text)
    assert problem.startswith(":1: ")


def test_a_file_that_cannot_be_read_is_a_mistake(tmp_path: Path) -> None:
    """Missing, not text, or too large to be one."""
    binary, large = tmp_path / "binary", tmp_path / "large"
    binary.write_bytes(b"\xff\xfe\xff")
    large.write_text("# " + "x" * 1024 * 1024)
    for path in (tmp_path / "missing", binary, large):
        with pytest.raises(Misconfigured, match=r":1: (is larger|cannot be read)"):
            read_groups(path)
