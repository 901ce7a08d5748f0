"""What the stub model says, in OpenAI's chat wire format: whole, as server-sent events, and a refusal."""

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

__all__ = ["ANSWER", "ANSWERED", "DONE", "PIECES", "REFUSED", "REFUSE_ME", "STREAM_HEAD", "STREAM_SECONDS"]

ANSWER: Final = "The quick brown fox jumps over the lazy dog. " * 5
REFUSE_ME: Final = "something refused"
"""A prompt with this in it is answered by 400."""

STREAM_SECONDS: Final = 0.06
"""From a stream's head to its end: 32 at once are 533 streams/s at best."""

_PIECES: Final = 20
_USAGE: Final = {"prompt_tokens": 40, "completion_tokens": 50, "total_tokens": 90}


def _response(body: Mapping[str, Any], *, status: str = "200 OK") -> bytes:
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def _envelope(kind: str, **members: Any) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_700_000_000, "model": "stub", **members}


def _event(*, usage: Mapping[str, int] | None = None, finish: str | None = None, **delta: str) -> bytes:
    choices = [] if usage else [{"index": 0, "delta": delta, "finish_reason": finish}]
    chunk = _envelope("chat.completion.chunk", choices=choices, usage=usage)
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def _chunk(data: bytes) -> bytes:
    """One chunk of the transfer coding, RFC 9112 §7.1."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _words() -> list[str]:
    words = ANSWER.split(" ")
    marks = [len(words) * number // _PIECES for number in range(_PIECES + 1)]
    parts = [" ".join(words[begin:end]) for begin, end in pairwise(marks)]
    return [f"{part} " for part in parts[:-1]] + parts[-1:]


_MESSAGE: Final = {"role": "assistant", "content": ANSWER}
_CHOICE: Final = {"index": 0, "message": _MESSAGE, "finish_reason": "stop"}

ANSWERED: Final = _response(_envelope("chat.completion", choices=[_CHOICE], usage=_USAGE))
DONE: Final = _response({})
REFUSED: Final = _response({"error": {"message": "No.", "type": "invalid_request_error"}}, status="400 Bad Request")
STREAM_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
PIECES: Final = (
    _chunk(_event(role="assistant", content="")),
    *(_chunk(_event(content=part)) for part in _words()),
    _chunk(_event(finish="stop") + _event(usage=_USAGE) + b"data: [DONE]\n\n") + b"0\r\n\r\n",
)
"""A stream in the pieces it is sent in, one after the other at equal distances."""
