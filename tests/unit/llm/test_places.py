"""The places of streamed tool calls."""

from typing import Any

import pytest
from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall, ChoiceDeltaToolCallFunction

from bullpen.llm.places import close_up
from bullpen.llm.slim.completions import CallDelta


def piece(index: Any) -> ChoiceDeltaToolCall:
    return ChoiceDeltaToolCall.model_construct(index=index, function=ChoiceDeltaToolCallFunction(arguments=""))


@pytest.mark.parametrize(
    ("told", "places"),
    [
        ([0, 0, 1, 0, 2], [0, 0, 1, 0, 2]),
        ([1, 1, 3], [0, 0, 1]),
        ([10**12, 5, 10**12], [0, 1, 0]),
        ([-1, 2], [0, 1]),
        ([None, 0, 1], [0, 0, 1]),
        (["b", "a", "b"], [0, 1, 0]),
    ],
)
def test_calls_have_places_without_gaps(told: list[Any], places: list[int]) -> None:
    """Whatever the provider counts, in the order in which the calls began, of either client's pieces."""
    for pieces in ([piece(index) for index in told], [CallDelta({"index": index}) for index in told]):
        close_up(pieces)
        assert [each.index for each in pieces] == places


def test_whole_calls_are_left_alone() -> None:
    """Other providers' models hand over calls as dicts."""
    calls = [{"id": "1", "index": 7}]
    close_up(calls)
    assert calls == [{"id": "1", "index": 7}]
