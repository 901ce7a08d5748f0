"""YAML that remembers its lines."""

from pathlib import Path

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


def test_a_file_that_is_not_text_is_a_mistake(tmp_path: Path) -> None:
    """It is told like any other, instead of a traceback."""
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    assert read(file)[0] == []
    assert "cannot be read as text" in read(file)[1][0]
