"""One answer on the wire, read as cheaply as can be: it shares a core with the stub model."""

from typing import Any, Final

import orjson

__all__ = ["FIRST_TOKEN", "answered", "told"]

FIRST_TOKEN: Final = b'"The '
"""What the first words look like in every dialect spoken here."""

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"
_LAST_CHUNK: Final = b"\r\n0\r\n\r\n"
_LAST_EVENTS: Final = (b"data: [DONE]", b"event: done\n")


def answered(received: bytes) -> tuple[int, bytes] | None:
    """Status and body of an HTTP/1.1 answer, its transfer coding undone; None while some of it is missing."""
    head, end, body = received.partition(_HEAD_END)
    if not end:
        return None
    status = int(head[9:12])
    _, found, rest = head.lower().partition(_LENGTH)
    if not found:
        return (status, _joined(body)) if body.endswith(_LAST_CHUNK) else None
    return (status, body) if len(body) >= int(rest.partition(b"\r\n")[0]) else None


def _joined(chunks: bytes) -> bytes:
    parts: list[bytes] = []
    while True:
        size, _, rest = chunks.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            return b"".join(parts)
        parts.append(rest[:length])
        chunks = rest[length + 2 :]


def told(body: bytes) -> str | None:
    """All the words of a stream of server-sent events; None when it did not end as its dialect ends.

    The dialects are OpenAI's, and Bullpen's, which the peers of ours speak without its names of events.
    """
    events = body.strip().split(b"\n\n")
    if not any(mark in events[-1] for mark in _LAST_EVENTS):
        return None
    return "".join(_words(event.partition(b"data: ")[2]) for event in events[:-1])


def _words(data: bytes) -> str:
    document: dict[str, Any] = orjson.loads(data) if data else {}
    for choice in document.get("choices", ()):
        return str(choice["delta"].get("content") or "")
    return str(document.get("text", ""))
