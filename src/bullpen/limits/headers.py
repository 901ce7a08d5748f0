"""What the caller is told of its limits, in the words of HTTP.

Source: draft-ietf-httpapi-ratelimit-headers-10, with structured fields (RFC 9651). `RateLimit-Policy` says what holds:
`q` units in `w` seconds, and in our own parameter how many may come at once. `RateLimit` says how it stands: `r` units
to be had now, and `t` seconds until all of the burst is, or, after a refusal, until it is worth asking again.
"""

import math
from collections.abc import Iterable, Iterator
from typing import Final

from bullpen.limits.gcra import MICROSECONDS
from bullpen.limits.ports import Occupancy, Standing, Verdict

__all__ = ["rate_limit_headers"]

_PRIVATE: Final = ("global",)
"""Levels whose quota would tell strangers what it takes to overload the house; see the draft on disclosure."""


def rate_limit_headers(verdict: Verdict) -> dict[str, str]:
    """`RateLimit-Policy` and `RateLimit` for every level the caller may know of, and `Retry-After` on a refusal."""
    rates = [standing for standing in verdict.standings if _is_public(standing.name)]
    caps = [occupancy for occupancy in verdict.occupancies if _is_public(occupancy.name)]
    headers = {}
    if rates or caps:
        headers["RateLimit-Policy"] = _joined([*map(_rate_policy, rates), *map(_cap_policy, caps)])
        headers["RateLimit"] = _joined([*map(_rate_state, rates), *map(_cap_state, caps)])
    if not verdict.admitted:
        headers["Retry-After"] = str(max(1, math.ceil(verdict.retry_after)))
    return headers


def _is_public(name: str) -> bool:
    return name.partition("-")[0] not in _PRIVATE


def _rate_policy(standing: Standing) -> Iterator[str]:
    bucket = standing.charge.bucket
    yield f'"{bucket.name}"'
    yield f"q={bucket.limit.rate}"
    if bucket.unit != "requests":
        yield f'qu="{bucket.unit}"'
    yield f"w={max(1, bucket.limit.per // MICROSECONDS)}"
    yield f"bullpen-burst={bucket.limit.burst}"


def _rate_state(standing: Standing) -> Iterator[str]:
    seconds = standing.reset if standing.reason is None else standing.retry_after
    yield f'"{standing.name}"'
    yield f"r={standing.remaining}"
    yield f"t={math.ceil(seconds)}"


def _cap_policy(occupancy: Occupancy) -> Iterator[str]:
    yield f'"{occupancy.name}"'
    yield f"q={occupancy.cap.most}"
    yield 'qu="concurrent-requests"'


def _cap_state(occupancy: Occupancy) -> Iterator[str]:
    yield f'"{occupancy.name}"'
    yield f"r={occupancy.remaining}"


def _joined(items: Iterable[Iterable[str]]) -> str:
    return ", ".join(";".join(item) for item in items)
