"""How the stub model provider behaves, chosen by the model id of the request.

=========================  =============================================================================================
`stub` (or any other id)   Answers `ANSWER`; 20 input and 10 output tokens are reported for every call.
`stub-echo`                Answers `"{number of messages} messages; last: {the last user message}"`.
`stub-tools`               Calls the first offered tool with fitting arguments, then says `"The tool said: {result}"`.
`stub-schema`              Answers JSON that fits the JSON Schema of the request.
`stub-badschema`           Answers JSON that fits no schema that requires anything.
`stub-empty`               Answers with no choices (OpenAI) or no content (Anthropic).
`stub-slow-200ms`          Waits that long (any number), then answers; more may follow, as in `stub-slow-200ms-b`.
`stub-slow-100-300ms`      The same, each time a random while between the two.
`stub-401` (any status)    An error of that status in the provider's own shape; 429 and 529 say `Retry-After: 7`.
`stub-error-midstream`     Streaming: half the answer, then an error event. Not streaming: the same as `stub-500`.
`stub-nonsense`            200 with an HTML page.
`stub-garbage`             200 with broken JSON (a broken event when streaming).
`stub-hangup`              Closes the socket in the middle of the answer.
`stub-stall`               Accepts the request and never answers.
`stub-stall-midstream`     Stops in the middle of the answer and keeps the socket open.
`stub-hang`                Sends the headers of an answer, and no more.
`stub-half`                Ends properly in the middle of the answer.
`stub-endless`             Never stops answering.
`stub-error-200`           An error in the provider's own shape, with status 200.
=========================  =============================================================================================

A `Fault` makes a share of the calls of any model behave like another one for a while.

Every error and every nonsense holds `SECRET`, so that a test can prove that a provider's words reach no caller.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, Literal, Protocol

from tests.stubs.faults import Fault
from tests.stubs.instance import fitting

__all__ = ["ANSWER", "INPUT_TOKENS", "OUTPUT_TOKENS", "SECRET", "Ask", "Reply", "Script", "Wire", "script"]

ANSWER: Final = "The stub model answers in seven words."
SECRET: Final = "PROVIDER-SECRET-TEXT"
INPUT_TOKENS: Final = 20
OUTPUT_TOKENS: Final = 10
RETRY_AFTER: Final = "7"

_LIMITS: Final = frozenset({429, 529})
_SLOW: Final = re.compile(r"slow-(?:(\d+)-)?(\d+)ms(?:-.+)?")
_DICE: Final = Random(4)

JSON_TYPE: Final = "application/json"
SSE_TYPE: Final = "text/event-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A model call, whichever wire it came over. `tools` are names and argument schemas."""

    model: str
    messages: Sequence[tuple[str, str]]
    tools: Sequence[tuple[str, Mapping[str, Any]]] = ()
    schema: Mapping[str, Any] | None = None
    stream: bool = False
    usage_in_stream: bool = True
    tool_result: str | None = None

    @property
    def last_user_text(self) -> str:
        return next((text for role, text in reversed(self.messages) if role == "user"), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the model says: text, or a call of `tool`, or, with neither, nothing at all."""

    text: str = ""
    tool: str = ""
    arguments: str = ""

    @property
    def words(self) -> list[str]:
        return re.findall(r"\S+\s*", self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What happens on the socket. With `start` false nothing is ever sent; `end` says what follows the pieces.

    An endless one goes on with its last piece.
    """

    status: int = 200
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: Sequence[bytes] = ()
    delay: float = 0.0
    start: bool = True
    end: Literal["close", "hangup", "stall", "endless"] = "close"


class Wire(Protocol):
    """A provider's wire format; each is a module."""

    def read(self, body: Mapping[str, Any]) -> Ask: ...

    def answer(self, ask: Ask, reply: Reply) -> bytes: ...

    def stream(self, ask: Ask, reply: Reply) -> list[bytes]: ...

    def failure(self, status: int) -> bytes: ...

    def failure_event(self) -> bytes: ...


def script(wire: Wire, ask: Ask, fault: Fault | None = None) -> Script:
    """What the provider does with this call."""
    name = fault.behaviour if fault else ask.model.removeprefix("stub").removeprefix("-")
    if name.isdecimal():
        return _error(wire, int(name), retry_after=fault.retry_after if fault else RETRY_AFTER)
    if name == "error-midstream" and not ask.stream:
        return _error(wire, 500)
    if name in {"stall", "hang"}:
        return Script(content_type=_content_type(ask), start=name == "hang", end="stall")
    if name in {"nonsense", "garbage", "error-200"}:
        return _nonsense(wire, name, stream=ask.stream)
    if name in {"hangup", "half", "stall-midstream", "error-midstream", "endless"}:
        return _half(wire, ask, name)
    return Script(content_type=_content_type(ask), pieces=_pieces(wire, ask), delay=_delay(name))


def _delay(name: str) -> float:
    slow = _SLOW.fullmatch(name)
    if not slow:
        return 0.0
    longest = int(slow[2]) / 1000
    return _DICE.uniform(int(slow[1]) / 1000, longest) if slow[1] else longest


def _reply(ask: Ask) -> Reply:
    match ask.model:
        case "stub-echo":
            return Reply(text=f"{len(ask.messages)} messages; last: {ask.last_user_text}")
        case "stub-tools" if ask.tools:
            return _tool_reply(ask)
        case "stub-schema" if ask.schema is not None:
            return Reply(text=json.dumps(fitting(ask.schema)))
        case "stub-badschema":
            return Reply(text=json.dumps({"unexpected": SECRET}))
    return Reply(text="" if ask.model == "stub-empty" else ANSWER)


def _tool_reply(ask: Ask) -> Reply:
    if ask.tool_result is not None:
        return Reply(text=f"The tool said: {ask.tool_result}")
    name, schema = ask.tools[0]
    return Reply(tool=name, arguments=json.dumps(fitting(schema)))


def _pieces(wire: Wire, ask: Ask) -> list[bytes]:
    reply = _reply(ask)
    return wire.stream(ask, reply) if ask.stream else [wire.answer(ask, reply)]


def _content_type(ask: Ask) -> str:
    return SSE_TYPE if ask.stream else JSON_TYPE


def _error(wire: Wire, status: int, *, retry_after: str = RETRY_AFTER) -> Script:
    headers = {"Retry-After": retry_after} if status in _LIMITS else {}
    return Script(status=status, headers=headers, pieces=[wire.failure(status)])


def _nonsense(wire: Wire, name: str, *, stream: bool) -> Script:
    if name == "nonsense":
        return Script(content_type="text/html", pieces=[f"<html><body>{SECRET}</body></html>".encode()])
    if name == "error-200":
        return Script(pieces=[wire.failure(500)])
    broken = f'{{"{SECRET}": ['.encode()
    if stream:
        return Script(content_type=SSE_TYPE, pieces=[b"data: " + broken + b"\n\n"])
    return Script(pieces=[broken])


_ENDS: Final[Mapping[str, Literal["close", "hangup", "stall", "endless"]]] = {
    "half": "close",
    "hangup": "hangup",
    "stall-midstream": "stall",
    "endless": "endless",
}


def _half(wire: Wire, ask: Ask, name: str) -> Script:
    pieces = _pieces(wire, ask)
    half = pieces[: len(pieces) // 2] if ask.stream else [pieces[0][: len(pieces[0]) // 2]]
    if name == "error-midstream":
        return Script(content_type=SSE_TYPE, pieces=[*half, wire.failure_event()])
    if name == "endless" and not ask.stream:
        half.append(b" " * 1024)
    return Script(content_type=_content_type(ask), pieces=half, end=_ENDS[name])
