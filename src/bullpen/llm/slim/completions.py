"""What a provider said, as objects: the members Agno reads, by the SDK's names and shapes.

The SDK builds a pydantic model of every object. Here an object takes the parsed JSON for its members, and what the
answer leaves out is None by its class. Like the SDK's they are lenient: a member of the wrong type stays what it is,
and Agno stumbles over it.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

__all__ = ["Chunk", "Completion", "Part", "chunk", "completion"]


class Part:
    """One JSON object of an answer."""

    known: ClassVar[tuple[str, ...]] = ()
    made: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}

    def __init_subclass__(cls, **made: Callable[[Any], Any]) -> None:
        """`made` are the members that are objects themselves, and what makes them."""
        cls.known = tuple(cls.__annotations__)
        cls.made = made

    def __init__(self, members: dict[str, Any]) -> None:
        for name, make in type(self).made.items():
            value = members.get(name)
            if value is not None:
                members[name] = make(value)
        self.__dict__ = members

    @property
    def model_extra(self) -> dict[str, Any]:
        """What the provider said beyond the wire's own members."""
        known = type(self).known
        return {name: value for name, value in vars(self).items() if name not in known}

    def model_dump(self) -> dict[str, Any]:
        """The members as JSON again, those left out as None."""
        return dict.fromkeys(type(self).known) | {name: _plain(value) for name, value in vars(self).items()}


def _plain(value: Any) -> Any:
    return value.model_dump() if isinstance(value, Part) else value


def _one(kind: type[Part]) -> Callable[[Any], Any]:
    return lambda value: kind(value) if isinstance(value, dict) else value


def _many(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda values: [make(value) for value in values] if isinstance(values, list) else values


class Details(Part):
    """What kinds of tokens were used; each provider counts others."""

    accepted_prediction_tokens: Any = None
    audio_tokens: Any = None
    cache_write_tokens: Any = None
    cached_tokens: Any = None
    image_tokens: Any = None
    reasoning_tokens: Any = None
    rejected_prediction_tokens: Any = None
    text_tokens: Any = None


class Usage(Part, prompt_tokens_details=_one(Details), completion_tokens_details=_one(Details)):
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


class Message(Part, annotations=_many(_one(Annotation)), audio=_one(Audio), tool_calls=_many(_call)):
    """A whole message."""

    content: Any = None
    refusal: Any = None
    role: Any = None
    annotations: Any = None
    audio: Any = None
    function_call: Any = None
    tool_calls: Any = None


class Delta(Part, audio=_one(Audio), tool_calls=_many(_one(CallDelta))):
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


class Completion(Part, choices=_many(_one(Choice)), usage=_one(Usage)):
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


class Chunk(Part, choices=_many(_one(ChoiceDelta)), usage=_one(Usage)):
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
