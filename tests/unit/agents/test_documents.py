"""YAML that remembers its lines."""

from pathlib import Path

import pytest

from bullpen.agents.documents import read


def test_every_value_is_found_by_its_path(tmp_path: Path) -> None:
    """A block's line is that of its key, an item's its own; what is not there is looked for further out."""
    file = tmp_path / "a.yaml"
    file.write_text("a: |\n  text\nb:\n  - x\n  - y: 1\n", "utf-8")
    (document,), problems = read(file)
    assert problems == []
    assert document.data == {"a": "text\n", "b": ["x", {"y": 1}]}
    lines = [document.at(*path).rpartition(":")[2] for path in [(), ("a",), ("b", 0), ("b", 1, "y"), ("b", 7, "z")]]
    assert lines == ["1", "1", "4", "5", "3"]


def test_a_repeated_key_is_a_mistake(tmp_path: Path) -> None:
    """YAML would let the last one win without a word."""
    file = tmp_path / "a.yaml"
    file.write_text("a: 1\nb: 2\na: 3\n", "utf-8")
    assert read(file)[1] == [f"{file}:3: `a` is given twice"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n  b: 1\n  b: 2\n", "3: `b` is given twice"),
        ("a: &a\n  b: *a\n", "1: an anchor leads back to itself"),
        ("a: 1\n[b, c]: 2\n", "2: a list or a mapping cannot be a name"),
        ("a: 1\nb: !include c\n", "2: is not valid YAML: could not determine a constructor for the tag '!include'"),
        ("a: !!int b\n", "1: has a value that is not what its tag says: "),
        ("a: 1\nb: \x07\n", "2: is not valid YAML: it holds U+0007, which is not allowed"),
        ("a: 1\n\tb: 2\n", "2: is not valid YAML: found character '\\t'"),
        ("a: " + "{a: " * 2000 + "1" + "}" * 2000, "1: is nested too deeply"),
        ("a: '" + "x" * 1024 * 1024 + "'", "1: is larger than 1024 KiB"),
    ],
)
def test_whatever_yaml_takes_amiss_is_a_mistake_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    """Never a traceback, and nothing that stops the other files from being read."""
    file = tmp_path / "a.yaml"
    file.write_text(text, "utf-8")
    (problem,) = read(file)[1]
    assert problem.startswith(f"{file}:{expected}")


def test_windows_line_ends_a_byte_order_mark_and_dates_are_no_mistakes(tmp_path: Path) -> None:
    """Notepad writes the first two; JSON has no dates, so they stay the text they are."""
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2024-02-30\r\n")
    (document,), problems = read(file)
    assert problems == []
    assert document.data == {"a": 1, "b": "2024-02-30"}
    assert document.at("b") == f"{file}:2"


def test_aliases_of_aliases_are_not_gone_through_without_end(tmp_path: Path) -> None:
    """Ten lines can stand for ten thousand million values."""
    file = tmp_path / "a.yaml"
    lines = ["a0: &a0 [1, 1]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10))]
    file.write_text("\n".join(lines), "utf-8")
    (document,), problems = read(file)
    assert problems == []
    assert document.at("a9") == f"{file}:10"


def test_a_file_that_is_not_text_is_a_mistake(tmp_path: Path) -> None:
    """It is told like any other, instead of a traceback."""
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    assert read(file)[0] == []
    assert "cannot be read: it is not UTF-8 text" in read(file)[1][0]
