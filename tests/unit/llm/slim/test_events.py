"""Server-sent events."""

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bullpen.llm.slim.errors import Oversized
from bullpen.llm.slim.events import Events


def told(pieces: Iterable[bytes]) -> list[bytes]:
    events = Events()
    return [data for piece in pieces for data in events.feed(piece)]


@pytest.mark.parametrize(
    ("stream", "data"),
    [
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
        (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a \n\n", [b" a "]),
        (b"data: one\ndata: two\ndata\ndata:\n\n", [b"one\ntwo\n\n"]),
        (b": a comment\n\n:\n\ndata: a\n: another\ndata: b\n\n", [b"a\nb"]),
        (b"event: ping\nid: 7\nretry: 10\n\ndata: a\n\n\n\n", [b"a"]),
        (b"dat: no\ndatabase: no\n data: no\n\ndata: a:b\n\n", [b"a:b"]),
        (b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", [b"a"]),
        (b"data: a\n\ndata: cut off", [b"a"]),
        (b"data: cut off\n", []),
        ("data: \N{PENGUIN}\n\n".encode(), ["\N{PENGUIN}".encode()]),
    ],
)
def test_a_stream_is_read_as_the_standard_says(stream: bytes, data: list[bytes]) -> None:
    """Every end of a line, comments, several lines of data, no data, a mark of byte order, an end in the middle."""
    assert told([stream]) == data
    assert told(stream[at : at + 1] for at in range(len(stream))) == data


LINES = st.sampled_from(
    [b"data: a", b"data:b", b"data", b": c", b"event: e", b"data: \xef\xbb\xbf", b"", b"\xef\xbb\xbf"]
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(parts=st.lists(st.tuples(LINES, ENDS)), cuts=st.lists(st.integers(0, 200)))
@example(parts=[(b"data: a", b"\r\n"), (b"", b"\r\n")], cuts=[8, 10])
def test_where_a_stream_is_cut_does_not_matter(parts: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    """TCP cuts anywhere: between CR and LF, within a name, within a character."""
    stream = b"".join(line + end for line, end in parts)
    borders = sorted({0, *(cut for cut in cuts if cut < len(stream)), len(stream)})
    pieces = [stream[start:end] for start, end in pairwise(borders)]
    assert told(pieces) == told([stream])


@pytest.mark.parametrize("piece", [b"data: " + b"x" * 25, b"data: " + b"x" * 30 + b"\n", b": " + b"x" * 30])
def test_an_endless_line_or_event_is_refused(piece: bytes) -> None:
    """A provider must not fill the memory, neither with one line nor with many lines of one event."""
    events = Events(largest=100)
    for _ in range(3):
        events.feed(piece)
    with pytest.raises(Oversized, match="100 bytes"):
        events.feed(piece)


def test_only_what_is_held_counts() -> None:
    """A stream of small events may be as long as it likes."""
    events = Events(largest=100)
    for _ in range(50):
        assert events.feed(b"data: " + b"x" * 50) == []
        assert events.feed(b"\n\n") == [b"x" * 50]
