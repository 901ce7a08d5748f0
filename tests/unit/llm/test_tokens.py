"""How many tokens a call used."""

from typing import Any

import pytest
from agno.media import Image
from agno.metrics import MessageMetrics
from agno.models.message import Message
from agno.models.response import ModelResponse
from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall, ChoiceDeltaToolCallFunction

from bullpen.llm.tokens import Spent, Tally, estimate, speaks

CALL = {"id": "x" * 100, "type": "function", "function": {"name": "four", "arguments": "{}{}"}}
DELTA = ChoiceDeltaToolCall(index=0, function=ChoiceDeltaToolCallFunction(name=None, arguments="12345678"))


def told(input_tokens: int, output_tokens: int) -> ModelResponse:
    usage = MessageMetrics(input_tokens=input_tokens, output_tokens=output_tokens)
    return ModelResponse(content="12345678", response_usage=usage)


def test_four_characters_are_a_token() -> None:
    """Text, parts of a message and tool calls count, rounded up; a call's id does not."""
    assert estimate([]) == 0
    assert estimate([Message(role="user", content="12345")]) == 2
    assert estimate([Message(role="assistant", tool_calls=[CALL])]) == 2
    assert estimate([Message(role="user", content=[{"text": "long"}])]) > 1


def test_no_provider_gives_tokens_back() -> None:
    """What it tells is counted as whole tokens, none at least; what is no number is nonsense."""
    tally = Tally(sent=99)
    tally.add(told(-7, 2.5))  # type: ignore[arg-type] # what a provider may well send
    assert tally.spent(refused=False) == Spent(input_tokens=0, output_tokens=2)
    with pytest.raises(ValueError, match="many"):
        tally.add(told(1, "many"))  # type: ignore[arg-type] # likewise


@pytest.mark.parametrize(
    ("piece", "words"),
    [
        (ModelResponse(role="assistant", content=""), False),
        (ModelResponse(response_usage=MessageMetrics(input_tokens=3)), False),
        (ModelResponse(content="x"), True),
        (ModelResponse(reasoning_content="x"), True),
        (ModelResponse(tool_calls=[CALL]), True),
        (ModelResponse(images=[Image(url="http://127.0.0.1/x.png")]), True),
    ],
)
def test_only_words_and_pictures_speak(piece: ModelResponse, *, words: bool) -> None:
    """Neither who speaks nor what it cost is a word."""
    assert speaks(piece) is words


@pytest.mark.parametrize("pieces", [[(3, 5)], [(3, 1), (0, 5)], [(3, 1), (3, 2), (3, 5)], [(3, 5), (0, 0)]])
def test_what_the_provider_tells_is_booked(pieces: list[tuple[int, int]]) -> None:
    """Told once, in parts, or with every piece how much it is by then; and nothing is estimated."""
    tally = Tally(sent=99)
    for piece in pieces:
        tally.add(told(*piece))
    assert tally.spent(refused=True) == Spent(input_tokens=3, output_tokens=5)


@pytest.mark.parametrize(
    ("piece", "tokens"),
    [
        (ModelResponse(content="12345678"), 2),
        (ModelResponse(reasoning_content="1234"), 1),
        (ModelResponse(tool_calls=[CALL]), 2),
        (ModelResponse(tool_calls=[DELTA]), 2),  # type: ignore[list-item] # what Agno's OpenAI model really streams
        (ModelResponse(images=[Image(url="http://127.0.0.1/x.png")]), 0),
    ],
)
def test_what_came_is_estimated_when_nobody_tells(piece: ModelResponse, tokens: int) -> None:
    """What was sent and what was received are booked, marked as estimated; whatever came, it is an answer."""
    tally = Tally(sent=99)
    tally.add(piece)
    assert tally.answered
    assert tally.spent(refused=False) == Spent(input_tokens=99, output_tokens=tokens, estimated=True)


@pytest.mark.parametrize("content", [None, "", {}])
def test_nothing_is_no_answer(content: Any) -> None:
    """Neither nothing at all nor empty text is an answer."""
    tally = Tally(sent=1)
    tally.add(ModelResponse(content=content))
    assert not tally.answered


def test_a_refused_call_costs_nothing() -> None:
    """Unless words came before the refusal."""
    tally = Tally(sent=99)
    assert tally.spent(refused=True) == Spent()
    tally.add(ModelResponse(content="1234"))
    assert tally.spent(refused=True) == Spent(input_tokens=99, output_tokens=1, estimated=True)


def test_an_odd_piece_of_a_call_counts_as_one_character() -> None:
    """Some provider's deltas have no function in them; counting never fails a call."""
    tally = Tally(sent=0)
    tally.add(ModelResponse(tool_calls=[{"id": "x"}]))
    assert tally.spent(refused=False).output_tokens == 1
