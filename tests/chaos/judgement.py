"""What an answer is worth: a good one, a refusal, one of our errors, or a broken promise."""

import json
import time
from dataclasses import dataclass
from typing import Any, Final, Literal

from tests.chaos.connection import Reply

__all__ = ["PATIENCE", "Result", "Verdict", "judged"]

Verdict = Literal["answered", "refused", "failed", "broken"]

PATIENCE: Final = 0.2
"""Seconds after its deadline within which a request is answered, one way or the other."""

_KIND: Final = "urn:bullpen:error:"
_REFUSALS: Final = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one request.

    Attributes:
        verdict: `answered`: 200 and the right text. `refused`: 429 or 503, a problem, and when to come back. `failed`:
            another of our problems. `broken`: anything else.
        kind: Of our error, or in words what was broken.
        sent: When it was due; `time.monotonic()`.
        latency: Seconds from then to the last byte.
    """

    verdict: Verdict
    kind: str
    sent: float
    latency: float

    @property
    def at(self) -> float:
        """When it was answered."""
        return self.sent + self.latency


def judged(reply: Reply | str, *, wanted: bytes, sent: float, late: float) -> Result:
    """The result of a request due at `sent`, which had `late` seconds; `wanted` is in a good answer."""
    if isinstance(reply, str):
        return Result("broken", reply, sent, time.monotonic() - sent)
    latency = reply.at - sent
    if latency > late:
        return Result("broken", f"{reply.status} after {latency:.2f} s of {late:g} s", sent, latency)
    events = reply.headers.get(b"content-type", b"").startswith(b"text/event-stream")
    verdict, kind = _streamed(reply, wanted) if events else _whole(reply, wanted)
    return Result(verdict, kind, sent, latency)


def _whole(reply: Reply, wanted: bytes) -> tuple[Verdict, str]:
    if reply.status == 200:
        good = wanted in reply.body and b'"success":true' in reply.body
        return ("answered", "") if good else ("broken", f"200 with {bytes(reply.body[:80])!r}")
    kind = _kind(bytes(reply.body))
    if not kind or reply.headers.get(b"content-type") != b"application/problem+json":
        return "broken", f"{reply.status} with {bytes(reply.body[:80])!r}"
    if reply.status not in _REFUSALS:
        return "failed", kind
    when = reply.headers.get(b"retry-after", b"")
    return ("refused", kind) if when.isdigit() and int(when) > 0 else ("broken", f"{kind} without Retry-After")


def _streamed(reply: Reply, wanted: bytes) -> tuple[Verdict, str]:
    """By the last event."""
    name, _, data = bytes(reply.body).rstrip().rpartition(b"event: ")[2].partition(b"\n")
    if name == b"done" and wanted in data:
        return "answered", ""
    kind = _kind(data.partition(b"data: ")[2]) if name == b"error" else ""
    return ("failed", kind) if kind else ("broken", f"a stream that ends in {bytes(reply.body[-80:])!r}")


def _kind(body: bytes) -> str:
    """The kind of our error, if this is a problem of ours."""
    try:
        told: Any = json.loads(body)
    except ValueError:
        return ""
    kind = str(told.get("type", "")) if isinstance(told, dict) else ""
    return kind.removeprefix(_KIND) if kind.startswith(_KIND) else ""
