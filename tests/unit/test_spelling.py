"""Suggestions for words that are not known."""

import pytest

from bullpen.spelling import meant, nearest


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [
        ("modell", ["model", "tools"], "Did you mean `model`?"),
        ("xyz", ["tools", "model"], "Known are: model, tools."),
        ("xyz", [], "None are configured."),
    ],
)
def test_the_nearest_word_is_suggested_or_else_all(word: str, known: list[str], expected: str) -> None:
    """An operator can mend the file without opening the documentation."""
    assert meant(word, known) == expected


@pytest.mark.parametrize(
    ("word", "likeness", "expected"),
    [
        ("clearence_level", 0.6, " Did you mean `clearance_level`?"),
        ("clear", 0.6, ""),
        ("clear", 0.4, " Did you mean `clearance_level`?"),
        ("shoe_size", 0.6, ""),
    ],
)
def test_only_a_near_word_is_meant(word: str, likeness: float, expected: str) -> None:
    """A guess that is far off would mislead; how far that is, the caller says."""
    assert nearest(word, ["clearance_level", "department"], likeness=likeness) == expected
