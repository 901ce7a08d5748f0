"""JSON out: always JSON, always UTF-8."""

import json

import pytest

from bullpen.api.json import encoded


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("plain", "plain"),
        ("line\n\r\u2028\u0000end", "line\n\r\u2028\u0000end"),
        ("\ud83d\ude00", "\U0001f600"),
        ("a\ud800b", "a\ufffdb"),
        ("\udc00", "\ufffd"),
    ],
)
def test_half_characters_do_not_break_an_answer(text: str, sent: str) -> None:
    """Halves that belong together are joined, others become U+FFFD, and the rest is as it was."""
    document = encoded({"text": text, "number": 1.5, "none": None})
    assert json.loads(document.decode()) == {"text": sent, "number": 1.5, "none": None}


def test_an_answer_is_one_line() -> None:
    """No line break of the text becomes one of the document, which may be an event's data."""
    assert b"\n" not in encoded({"text": "a\nb\ud800\nc"})
