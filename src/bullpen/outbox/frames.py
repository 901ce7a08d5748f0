"""How facts lie on disk: one frame for all that was appended together, so that they count together or not at all.

A frame is a mark, the length and the CRC-32 of what follows (both 4 bytes, least first), and then each fact: the
lengths of its three parts (1, 1 and 4 bytes) and the parts. The mark holds bytes that UTF-8 never has, so no fact can
contain one, whoever wrote its body: after damage the search for the next frame cannot be led astray.
"""

import re
from collections.abc import Iterator, Sequence
from struct import Struct, error
from typing import Final, NamedTuple
from zlib import crc32

from bullpen.outbox.ports import Fact

__all__ = ["LARGEST", "MARK", "Scan", "check", "encode", "scan"]

LARGEST: Final = 16 * 1024 * 1024
"""The most bytes one frame may have."""

MARK: Final = b"\xff\xfeBP"

_HEAD: Final = Struct("<4sII")
_PARTS: Final = Struct("<BBI")
_ID: Final = re.compile("[A-Za-z0-9_-]{1,64}")
_TOPIC: Final = re.compile("[A-Za-z0-9_-]{1,32}")
_LONGEST_BODY: Final = 64 * 1024


class Scan(NamedTuple):
    """What was found in some bytes.

    Attributes:
        facts: In the order they were appended.
        end: How many of the bytes are dealt with.
        damaged: From where to where there was no frame, though one came after it.
        torn: How many bytes at the end are no frame; they are dealt with.
    """

    facts: list[Fact]
    end: int
    damaged: list[tuple[int, int]]
    torn: int


class _Frame(NamedTuple):
    facts: list[Fact]
    end: int


def check(facts: Sequence[Fact]) -> None:
    """Refuses what no outbox could keep.

    Raises:
        ValueError: An id or a topic is not as `Fact` says, or a body is larger.
    """
    for fact in facts:
        if not (_ID.fullmatch(fact.id) and _TOPIC.fullmatch(fact.topic) and len(fact.body) <= _LONGEST_BODY):
            raise ValueError(f"{fact!r} is too large, or has an id or a topic that cannot be kept.")


def encode(facts: Sequence[Fact]) -> bytes:
    """All of them as one frame.

    Raises:
        ValueError: All together are larger than a frame may be, or `check` refuses one of them.
    """
    check(facts)
    parts: list[bytes] = []
    for fact in facts:
        name, topic, body = fact.id.encode(), fact.topic.encode(), fact.body
        parts += (_PARTS.pack(len(name), len(topic), len(body)), name, topic, body)
    content = b"".join(parts)
    if len(content) > LARGEST - _HEAD.size:
        raise ValueError(f"{len(facts)} facts are too many for one append.")
    return _HEAD.pack(MARK, len(content), crc32(content)) + content


def scan(data: bytes, *, most: int, final: bool) -> Scan:
    """Reads frames from the start of the bytes.

    Args:
        data: As many of a file's bytes as are at hand.
        most: Stop before there are more facts than this; one frame is read whatever it has.
        final: Nothing comes after these bytes. Without it, reading stops at the first thing that is no frame.
    """
    found = Scan([], 0, [], 0)
    while found.end < len(data):
        frame = _frame(data, found.end)
        if frame is None and not final:
            return found
        if frame is None:
            found = _skip(data, found)
            continue
        if found.facts and len(found.facts) + len(frame.facts) > most:
            return found
        found.facts.extend(frame.facts)
        found = found._replace(end=frame.end)
    return found


def _skip(data: bytes, found: Scan) -> Scan:
    """Goes on after what is no frame: at the next one, or at the end."""
    start = found.end
    at = data.find(MARK, start + 1)
    while at >= 0 and _frame(data, at) is None:
        at = data.find(MARK, at + 1)
    if at < 0:
        return found._replace(end=len(data), torn=len(data) - start)
    return found._replace(end=at, damaged=[*found.damaged, (start, at)])


def _frame(data: bytes, at: int) -> _Frame | None:
    start = at + _HEAD.size
    if start > len(data):
        return None
    mark, length, checksum = _HEAD.unpack_from(data, at)
    end = start + length
    if mark != MARK or end > len(data):
        return None
    content = data[start:end]
    if crc32(content) != checksum:
        return None
    try:
        facts = list(_facts(content))
    except (error, UnicodeDecodeError):
        return None
    return _Frame(facts, end) if facts else None


def _facts(content: bytes) -> Iterator[Fact]:
    at = 0
    while at < len(content):
        name_length, topic_length, body_length = _PARTS.unpack_from(content, at)
        topic = at + _PARTS.size + name_length
        body = topic + topic_length
        name = content[at + _PARTS.size : topic].decode()
        at = body + body_length
        yield Fact(name, content[topic:body].decode(), content[body:at])
