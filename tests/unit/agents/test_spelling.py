"""Suggestions for words that are not known."""

import pytest

from bullpen.agents.spelling import meant


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [
        ("modell", ["model", "tools"], "Did you mean `model`?"),
        ("xyz", ["model", "tools"], "Known are: model, tools."),
        ("xyz", [], "None are configured."),
    ],
)
def test_the_nearest_word_is_suggested_or_else_all(word: str, known: list[str], expected: str) -> None:
    """An operator can mend the file without opening the documentation."""
    assert meant(word, known) == expected
