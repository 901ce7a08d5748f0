"""What a container may use, read from files as the kernel writes them."""

from pathlib import Path

import pytest

from bullpen.telemetry.cgroup import Cgroup

MIB = 1024 * 1024


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "cgroup").mkdir()
    return tmp_path / "cgroup"


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(f"{text}\n", "ascii")


def group(root: Path, *, path: str = "/") -> Cgroup:
    membership = root.parent / "membership"
    membership.write_text(f"0::{path}\n", "ascii")
    return Cgroup(root=root, membership=membership)


def test_a_container_with_limits(root: Path) -> None:
    """Memory without what the kernel would drop first; the quota as cores."""
    write(
        root,
        memory_max=str(512 * MIB),
        memory_current=str(300 * MIB),
        memory_stat=f"anon {200 * MIB}\ninactive_file {44 * MIB}\nactive_file 0",
        cpu_max="150000 100000",
        cpu_stat="usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000",
    )
    assert group(root).memory_percent() == 50.0
    assert group(root).cpu() == (2.5, 1.5)


@pytest.mark.parametrize("files", [{}, {"memory_max": "max", "memory_current": "1", "cpu_max": "max 100000"}])
def test_without_limits_there_is_nothing_to_tell(root: Path, files: dict[str, str]) -> None:
    """The machine counts then; so it does with version 1, which has none of these files."""
    write(root, **files)
    assert group(root).memory_percent() is None
    assert group(root).cpu() is None


def test_the_limits_of_groups_around_hold_as_well(root: Path) -> None:
    """A service in a slice: the fullest limit and the tightest quota count."""
    own, around = root / "app.slice" / "bullpen.service", root / "app.slice"
    write(own, memory_max="1000", memory_current="100", cpu_max="400000 100000", cpu_stat="usage_usec 1000000")
    write(around, memory_max="1000", memory_current="900", cpu_max="200000 100000", cpu_stat="usage_usec 3000000")
    found = group(root, path="/app.slice/bullpen.service")
    assert found.memory_percent() == 90.0
    assert found.cpu() == (3.0, 2.0)


@pytest.mark.parametrize("path", ["/not/there", "/../elsewhere", "/"])
def test_a_group_that_cannot_be_seen_leaves_the_root(root: Path, path: str) -> None:
    """In a container, its own group is the root of what it sees."""
    write(root, memory_max="1000", memory_current="250")
    assert group(root, path=path).memory_percent() == 25.0


def test_failure_mode_open_no_membership_is_the_root(root: Path) -> None:
    """Not every system has the file."""
    write(root, memory_max="1000", memory_current="250")
    assert Cgroup(root=root, membership=root / "missing").memory_percent() == 25.0


@pytest.mark.parametrize("text", ["", "max", "-1", "1 2 3", "x y", "\x00"])
def test_failure_mode_open_nonsense_is_no_limit(root: Path, text: str) -> None:
    """A kernel that writes something else raises nothing here."""
    write(root, memory_max=text, memory_current=text, memory_stat=text, cpu_max=text, cpu_stat=text)
    assert (group(root).memory_percent(), group(root).cpu()) == (None, None)
