"""How many tokens a model call used: what the provider told, or else an estimate of what went over the wire."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agno.models.message import Message
from agno.models.response import ModelResponse

__all__ = ["Spent", "Tally", "estimate", "speaks"]

_CHARACTERS_PER_TOKEN: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Tokens of one attempt; `estimated` when the provider did not tell them."""

    input_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False


def estimate(messages: Iterable[Message]) -> int:
    """Roughly the tokens of a prompt: four characters are one."""
    return _tokens(sum(_length(message.content) + _calls_length(message.tool_calls) for message in messages))


def speaks(response: ModelResponse) -> bool:
    """Whether there is a word in it, or a picture or a sound; the first pieces of a stream often have none."""
    return _characters(response) > 0 or _has_media(response)


class Tally:
    """What has come of one attempt so far."""

    def __init__(self, *, sent: int) -> None:
        """`sent` is the estimated size of the prompt, in tokens."""
        self.answered = False
        self._sent = sent
        self._characters = 0
        self._told = False
        self._input = 0
        self._output = 0

    def add(self, response: ModelResponse) -> None:
        """Counts a whole answer, or a piece of one.

        A piece that tells usage tells all of it so far: some servers tell it once, some in parts, and some with every
        piece.
        """
        characters = _characters(response)
        self._characters += characters
        self.answered = self.answered or characters > 0 or _has_media(response)
        usage = response.response_usage
        if usage is not None:
            self._told = True
            # The clients check nothing: a number below 0 would give money back.
            self._input = max(self._input, int(usage.input_tokens or 0))
            self._output = max(self._output, int(usage.output_tokens or 0))

    def spent(self, *, refused: bool) -> Spent:
        """The tokens to book; none for a call that was `refused` before a word came back."""
        if self._told:
            return Spent(input_tokens=self._input, output_tokens=self._output)
        if refused and not self._characters:
            return Spent()
        return Spent(input_tokens=self._sent, output_tokens=_tokens(self._characters), estimated=True)


def _tokens(characters: int) -> int:
    return -(-characters // _CHARACTERS_PER_TOKEN)


def _characters(response: ModelResponse) -> int:
    told = _length(response.content) + _length(response.reasoning_content)
    return told + _length(response.redacted_reasoning_content) + _calls_length(response.tool_calls)


def _has_media(response: ModelResponse) -> bool:
    return any((response.images, response.audio, response.audios, response.videos, response.files, response.parsed))


def _length(content: Any) -> int:
    if not content:
        return 0
    return len(content) if isinstance(content, str) else len(str(content))


def _calls_length(calls: Sequence[Any] | None) -> int:
    return sum(_call_length(call) for call in calls) if calls else 0


def _call_length(call: Any) -> int:
    """A call is a dict, or a streamed delta of the SDK's own; only its name and arguments are the model's words."""
    function = call.get("function") if isinstance(call, dict) else getattr(call, "function", None)
    if function is None:
        return 1
    return _length(_member(function, "name")) + _length(_member(function, "arguments"))


def _member(function: Any, name: str) -> Any:
    return function.get(name) if isinstance(function, dict) else getattr(function, name, None)
