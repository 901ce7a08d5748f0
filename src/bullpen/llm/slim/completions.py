"""What a provider said, as objects: the members Agno reads, by the SDK's names and shapes.

The SDK builds a pydantic model of every object. Here an object takes the parsed JSON for its members, and what the
answer leaves out is None by its class. Like the SDK's they are lenient: a member of the wrong type stays what it is,
and Agno stumbles over it.
"""

import re
from collections.abc import Callable
from typing import Any, ClassVar, Final

__all__ = ["Chunk", "Completion", "Part", "chunk", "completion"]


_DIGITS: Final = re.compile(r"[0-9]{1,18}")


class Part:
    """One JSON object of an answer."""

    known: ClassVar[tuple[str, ...]] = ()
    made: ClassVar[tuple[tuple[str, Callable[[Any], Any]], ...]] = ()
    names: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **made: Callable[[Any], Any]) -> None:
        """`made` are the members that are objects themselves, and what makes them."""
        cls.known = tuple(cls.__annotations__)
        cls.made = tuple(made.items())
        cls.names = frozenset(cls.known)

    def __init__(self, members: dict[str, Any]) -> None:
        for name, make in type(self).made:
            value = members.get(name)
            if value is not None:
                members[name] = make(value)
        self.__dict__ = members

    @property
    def model_extra(self) -> dict[str, Any]:
        """What the provider said beyond the wire's own members."""
        members, names = self.__dict__, type(self).names
        if members.keys() <= names:  # as a rule; Agno asks every piece of a stream
            return {}
        return {name: value for name, value in members.items() if name not in names}

    def model_dump(self) -> dict[str, Any]:
        """The members as JSON again, those left out as None."""
        return dict.fromkeys(type(self).known) | {name: _plain(value) for name, value in vars(self).items()}


def _plain(value: Any) -> Any:
    return value.model_dump() if isinstance(value, Part) else value


def _one(kind: type[Part]) -> Callable[[Any], Any]:
    return lambda value: kind(value) if isinstance(value, dict) else value


def _many(kind: type[Part]) -> Callable[[Any], Any]:
    def make(values: Any) -> Any:
        if not isinstance(values, list):
            return values
        return [kind(value) if isinstance(value, dict) else value for value in values]

    return make


def _number(value: Any) -> Any:
    """Digits in quotation marks are a number, as they are to the SDK; Agno adds them up."""
    return int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value


class Details(Part, audio_tokens=_number, cached_tokens=_number, reasoning_tokens=_number):
    """What kinds of tokens were used; each provider counts others."""

    accepted_prediction_tokens: Any = None
    audio_tokens: Any = None
    cache_write_tokens: Any = None
    cached_tokens: Any = None
    image_tokens: Any = None
    reasoning_tokens: Any = None
    rejected_prediction_tokens: Any = None
    text_tokens: Any = None


class Usage(
    Part,
    completion_tokens=_number,
    prompt_tokens=_number,
    total_tokens=_number,
    completion_tokens_details=_one(Details),
    prompt_tokens_details=_one(Details),
):
    """Tokens used."""

    completion_tokens: Any = None
    prompt_tokens: Any = None
    total_tokens: Any = None
    completion_tokens_details: Any = None
    prompt_tokens_details: Any = None


class Function(Part):
    """A function to call, and its arguments as JSON."""

    arguments: Any = None
    name: Any = None


class Custom(Part):
    """A custom tool to call, and its input."""

    input: Any = None
    name: Any = None


class FunctionCall(Part, function=_one(Function)):
    """A call of a function."""

    id: Any = None
    function: Any = None
    type: Any = None


class CustomCall(Part, custom=_one(Custom)):
    """A call of a custom tool."""

    id: Any = None
    custom: Any = None
    type: Any = None


class CallDelta(Part, function=_one(Function)):
    """A piece of a call."""

    index: Any = None
    id: Any = None
    function: Any = None
    type: Any = None


class Citation(Part):
    """A page the answer cites."""

    end_index: Any = None
    start_index: Any = None
    title: Any = None
    url: Any = None


class Annotation(Part, url_citation=_one(Citation)):
    """A remark on the answer."""

    type: Any = None
    url_citation: Any = None


class Audio(Part):
    """A spoken answer, or a piece of one."""

    id: Any = None
    data: Any = None
    expires_at: Any = None
    transcript: Any = None


def _call(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return CustomCall(value) if value.get("type") == "custom" else FunctionCall(value)


def _calls(values: Any) -> Any:
    return [_call(value) for value in values] if isinstance(values, list) else values


class Message(Part, annotations=_many(Annotation), audio=_one(Audio), tool_calls=_calls):
    """A whole message."""

    content: Any = None
    refusal: Any = None
    role: Any = None
    annotations: Any = None
    audio: Any = None
    function_call: Any = None
    tool_calls: Any = None


class Delta(Part, audio=_one(Audio), tool_calls=_many(CallDelta)):
    """A piece of a message."""

    audio: Any = None
    content: Any = None
    function_call: Any = None
    refusal: Any = None
    role: Any = None
    tool_calls: Any = None


class Choice(Part, message=_one(Message)):
    """One of the answers asked for."""

    finish_reason: Any = None
    index: Any = None
    logprobs: Any = None
    message: Any = None


class ChoiceDelta(Part, delta=_one(Delta)):
    """A piece of one of the answers asked for."""

    delta: Any = None
    index: Any = None
    finish_reason: Any = None
    logprobs: Any = None


class Completion(Part, choices=_many(Choice), usage=_one(Usage)):
    """A whole answer."""

    id: Any = None
    choices: Any = None
    created: Any = None
    model: Any = None
    object: Any = None
    metadata: Any = None
    moderation: Any = None
    service_tier: Any = None
    system_fingerprint: Any = None
    usage: Any = None


class Chunk(Part, choices=_many(ChoiceDelta), usage=_one(Usage)):
    """A piece of a streamed answer."""

    id: Any = None
    choices: Any = None
    created: Any = None
    model: Any = None
    object: Any = None
    moderation: Any = None
    obfuscation: Any = None
    service_tier: Any = None
    system_fingerprint: Any = None
    usage: Any = None


def completion(said: Any) -> Any:
    """A `Completion`, if `said` is an object at all."""
    return Completion(said) if isinstance(said, dict) else said


def chunk(said: Any) -> Any:
    """A `Chunk`, if `said` is an object at all."""
    return Chunk(said) if isinstance(said, dict) else said
