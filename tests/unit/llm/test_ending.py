"""Where a streamed answer ends."""

import json
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.llm.ending import CutOff, Ending

TEXTS = st.text() | st.sampled_from(['"finish_reason": "stop"', "\ndata: [DONE]", '"type": "message_stop"'])


def reached(pieces: Iterable[bytes]) -> bool:
    ending = Ending()
    for piece in pieces:
        ending.feed(piece)
    try:
        ending.check()
    except CutOff:
        return False
    return True


def event(data: object) -> bytes:
    return b"data: " + (data if isinstance(data, bytes) else json.dumps(data).encode()) + b"\n\n"


def says(text: str, *, finish: str | None = None) -> bytes:
    return event({"choices": [{"delta": {"content": text}, "finish_reason": finish}]})


LAST = [
    b"data: [DONE]\n\n",
    b"data:[DONE]\r\n\r\n",
    says("", finish="length"),
    event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
    event({"type": "message_stop"}),
    *(event({"type": f"response.{how}"}) for how in ("completed", "incomplete", "failed")),
]


def cut(whole: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(whole) + 1) for place in places), len(whole)]
    return [whole[begin:end] for begin, end in pairwise(edges)]


@given(texts=st.lists(TEXTS, min_size=1), last=st.sampled_from(LAST), places=st.lists(st.integers(0, 10_000)))
def test_only_its_end_ends_a_stream(texts: list[str], last: bytes, places: list[int]) -> None:
    """Wherever it is cut, and whatever the model says: a text that looks like an end is none."""
    words = b"".join(map(says, texts))
    assert not reached(cut(words, places))
    assert reached(cut(words + last, places))


@given(words=TEXTS, places=st.lists(st.integers(0, 1000)))
def test_anthropics_words_end_nothing(words: str, places: list[int]) -> None:
    """Nor does a reason to stop that is not there yet."""
    begin = event({"type": "message_start", "message": {"stop_reason": None}})
    said = event({"type": "content_block_delta", "delta": {"text": words}})
    assert not reached(cut(begin + said, places))


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"choices": []}', b": waiting\n\n", event({"a": 1}), b"data: <html>\n\n"]
)
def test_what_is_no_stream_has_no_end_to_miss(body: bytes) -> None:
    """A page, a whole answer, nothing but comments, an event of something else: others say what that is."""
    assert reached([body])
