"""JSON over the wire."""

from typing import Any

import pytest
from openai._utils._json import openapi_dumps
from pydantic import BaseModel

from bullpen.llm.slim.wire import decode, encode


class Point(BaseModel):
    x: int
    y: int = 0


@pytest.mark.parametrize(
    "body",
    [
        {"text": "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "n": 1, "f": 0.1, "none": None, "list": [True, {}]},
        {"point": Point(x=1)},
        {"big": 2**70},
        {1: "a number for a name"},
    ],
)
def test_a_request_is_written_as_the_sdk_writes_it(body: Any) -> None:
    """Byte for byte, what orjson does not take included."""
    assert encode(body) == openapi_dumps(body)


@pytest.mark.parametrize("body", [{"x": object()}, {"x": "\ud83d"}])
def test_what_no_wire_can_carry_is_refused(body: Any) -> None:
    """By an exception the guard knows, as the SDK does."""
    with pytest.raises((TypeError, ValueError)):
        encode(body)
    with pytest.raises((TypeError, ValueError)):
        openapi_dumps(body)


def test_half_an_emoji_is_read() -> None:
    """Servers cut answers between the halves of a surrogate pair, and write NaN."""
    assert decode(b'{"text": "\\ud83d"}') == {"text": "\ud83d"}
    assert decode(b'{"big": 1e400, "not": [NaN]}')["big"] == float("inf")
    assert decode(b'{"text": "\\ud83d\\ude00"}') == {"text": "\N{GRINNING FACE}"}


@pytest.mark.parametrize("text", [b"", b"<html>", b'{"half": ', b'"\xff"'])
def test_what_is_not_json_is_a_value_error(text: bytes) -> None:
    """Half an answer, a page, bytes that are no text."""
    with pytest.raises(ValueError):  # noqa: PT011  # each library words it in its own way
        decode(text)
