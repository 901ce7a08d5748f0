"""YAML nodes, and mistakes that can be pointed at."""

from pathlib import Path

import pytest

from bullpen.errors import Misconfigured
from bullpen.nodes import Reader, compose


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a.yaml"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a: {", "1: is not valid YAML: expected"),
        (b"a: 1\n\tb: 2\n", "2: is not valid YAML: found character"),
        (b"a: 1\nb: \x07\n", "2: is not valid YAML: it holds U+0007"),
        (b"[" * 3000, "1: is nested too deeply"),
        (b"\xff\xfe\x00", "1: cannot be read: it is not UTF-8 text"),
        (b"# " + b"x" * 1024 * 1024, "1: is larger than 1024 KiB"),
        (None, "1: cannot be read: No such file"),
    ],
)
def test_what_is_no_yaml_is_told_with_its_line(file: Path, content: bytes | None, told: str) -> None:
    """Any bytes at all give our kind of error, and never a traceback of another."""
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Misconfigured) as caught:
        compose(file)
    assert str(caught.value).startswith(f"{file}:{told}")


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "~"])
def test_an_empty_file_has_no_root(file: Path, text: str) -> None:
    """A file with everything commented out is a file."""
    file.write_text(text)
    assert Reader(file).root() is None


def test_a_second_document_is_refused(file: Path) -> None:
    """Whoever pasted one would think that it holds."""
    file.write_text("a: 1\n---\nb: 2\n")
    with pytest.raises(Misconfigured, match=":3: is a second document"):
        Reader(file).root()


def test_the_mark_and_the_line_ends_of_windows_are_no_mistakes(file: Path) -> None:
    """Some editors write them."""
    file.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    reader = Reader(file)
    root = reader.root()
    assert root is not None
    assert [key.value for key, _ in reader.entries(root, what="field")] == ["a", "b"]
    reader.check()


def test_every_mistake_is_noted_with_its_line(file: Path) -> None:
    """And what was probably meant; the entries that are right go on."""
    file.write_text("rate: 1\nrat: 2\nrate: 3\n[a]: 4\n'': 5\nburst: {}\n")
    reader = Reader(file)
    root = reader.root()
    assert root is not None
    entries = dict(reader.entries(root, what="field", known=("rate", "burst")))
    assert [key.value for key in entries] == ["rate", "burst"]
    for below in entries.values():
        assert list(reader.entries(below, what="level")) == []
    with pytest.raises(Misconfigured) as caught:
        reader.check()
    assert [problem.removeprefix(f"{file}:") for problem in caught.value.problems] == [
        "2: unknown field `rat`. Did you mean `rate`?",
        "3: the field `rate` is given twice; remove one of the two.",
        "4: a field must have a name.",
        "5: a field must have a name.",
        "1: expected a mapping by level, and found `1`.",
    ]
