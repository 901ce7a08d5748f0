"""What a provider said, as objects."""

from typing import Any

import pytest
from openai._models import construct_type
from openai.types import CompletionUsage, chat
from openai.types.chat import chat_completion, chat_completion_chunk, chat_completion_message
from openai.types.chat import chat_completion_message_custom_tool_call as custom_call
from openai.types.chat import chat_completion_message_function_tool_call as function_call
from openai.types.completion_usage import CompletionTokensDetails, PromptTokensDetails

from bullpen.llm.slim import completions
from bullpen.llm.slim.completions import Chunk, Completion, chunk, completion

PAIRS: list[tuple[type[completions.Part], list[Any]]] = [
    (completions.Details, [CompletionTokensDetails, PromptTokensDetails]),
    (completions.Usage, [CompletionUsage]),
    (completions.Function, [function_call.Function]),
    (completions.Custom, [custom_call.Custom]),
    (completions.FunctionCall, [chat.ChatCompletionMessageFunctionToolCall]),
    (completions.CustomCall, [chat.ChatCompletionMessageCustomToolCall]),
    (completions.CallDelta, [chat_completion_chunk.ChoiceDeltaToolCall]),
    (completions.Citation, [chat_completion_message.AnnotationURLCitation]),
    (completions.Annotation, [chat_completion_message.Annotation]),
    (completions.Audio, [chat.ChatCompletionAudio, chat_completion_chunk.ChoiceDeltaAudio]),
    (completions.Message, [chat.ChatCompletionMessage]),
    (completions.Delta, [chat_completion_chunk.ChoiceDelta]),
    (completions.Choice, [chat_completion.Choice]),
    (completions.ChoiceDelta, [chat_completion_chunk.Choice]),
    (completions.Completion, [chat.ChatCompletion]),
    (completions.Chunk, [chat.ChatCompletionChunk]),
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=lambda each: getattr(each, "__name__", ""))
def test_the_members_are_the_sdks(ours: type[completions.Part], theirs: list[Any]) -> None:
    """A new release of the SDK with a new member shows here: what is no member is what the provider said beyond."""
    assert set(ours.known) == {name for each in theirs for name in each.model_fields}


def test_no_kind_of_object_is_forgotten() -> None:
    """Whatever is a part is compared above."""
    assert {ours for ours, _ in PAIRS} == set(completions.Part.__subclasses__())


def test_what_is_left_out_is_none_and_what_is_unknown_is_not_there() -> None:
    """Agno asks both ways: by the value, and whether there is one."""
    said = completion({"id": "1", "choices": [{"message": {"content": "hi", "reasoning": "why"}}], "cost": 3})
    message = said.choices[0].message
    assert (said.usage, said.system_fingerprint, message.tool_calls, message.reasoning) == (None, None, None, "why")
    assert not hasattr(message, "reasoning_content")
    assert said.model_extra == {"cost": 3}
    assert completion({"id": "1"}).model_extra == {}


def test_a_provider_may_call_its_members_what_it_likes() -> None:
    """Also what ours are called: those are no members of an answer, and nothing of ours is lost to them."""
    own = {"known": 1, "made": 2, "names": 3}
    said = completion({"id": "1", **own})
    assert said.model_extra == own
    assert said.model_dump()["id"] == "1"


@pytest.mark.parametrize(
    "call",
    [
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}", "more": [1]}, "extra": {"a": 1}},
        {"id": "c", "type": "custom", "custom": {"name": "f", "input": "i"}},
        {"type": "function", "function": {}},
        {"id": "c", "function": {"name": "f", "arguments": None}},
        {"id": "c", "type": "function", "function": None},
    ],
)
def test_a_call_is_dumped_as_the_sdk_dumps_it(call: dict[str, Any]) -> None:
    """That is what Agno keeps of it, and sends back with the tool's result."""
    whole = {"choices": [{"message": {"tool_calls": [call]}}]}
    theirs: Any = construct_type(type_=chat.ChatCompletion, value=whole)
    expected = theirs.choices[0].message.tool_calls[0].model_dump()
    (ours,) = completion(whole).choices[0].message.tool_calls
    assert ours.model_dump() == expected
    assert list(ours.model_dump()) == list(expected)


@pytest.mark.parametrize("said", [None, [], "text", 7, [{"choices": []}]])
def test_what_is_no_object_stays_what_it_is(said: Any) -> None:
    """Agno stumbles over it, and the guard says what that means."""
    assert completion(said) is said
    assert chunk(said) is said


@pytest.mark.parametrize("told", ["11", 11, "-1", "1e3", "eleven", "", "²", 11.5, None, "9" * 5000])
def test_tokens_in_quotation_marks_are_a_number(told: Any) -> None:
    """As they are to the SDK: some servers write them so, and Agno adds up what it is given."""
    usage = {"prompt_tokens": told, "completion_tokens": told, "total_tokens": told}
    said = completion({"usage": {**usage, "prompt_tokens_details": {"cached_tokens": told}}}).usage
    expected = 11 if told == "11" else told
    assert (said.prompt_tokens, said.completion_tokens, said.total_tokens) == (expected,) * 3
    assert said.prompt_tokens_details.cached_tokens == expected


def test_a_member_of_the_wrong_type_stays_what_it_is() -> None:
    """At any depth."""
    said = completion({"choices": [None, {"message": "text"}, {"message": {"tool_calls": {"a": 1}}}], "usage": 3})
    assert said.choices[0] is None
    assert said.choices[1].message == "text"
    assert said.choices[2].message.tool_calls == {"a": 1}
    assert said.usage == 3


def test_a_member_cannot_take_the_place_of_what_we_need() -> None:
    """A provider may name its members as it likes."""
    said = completion({"known": 1, "made": 2, "model_extra": 3, "__class__": 4, "__dict__": 5, "usage": {"known": 6}})
    assert isinstance(said, Completion)
    assert said.model_extra == {"known": 1, "made": 2, "model_extra": 3, "__class__": 4, "__dict__": 5}
    assert isinstance(chunk({"choices": []}), Chunk)
