"""What the caller is told of its limits, in the words of HTTP.

Source: draft-ietf-httpapi-ratelimit-headers-10, with structured fields (RFC 9651). `RateLimit-Policy` says what holds:
`q` units in `w` seconds, and in our own parameter how many may come at once. `RateLimit` says how it stands: `r` units
to be had now, and `t` seconds until all of the burst is, or, after a refusal, until it is worth asking again.
"""

import math
from functools import lru_cache
from typing import Final

from bullpen.limits.gcra import MICROSECONDS, remaining, reset
from bullpen.limits.ports import Occupancy, Standing, Verdict

__all__ = ["rate_limit_headers"]

_PRIVATE: Final = "global"
"""Levels whose quota would tell strangers what it takes to overload the house; see the draft on disclosure."""


def rate_limit_headers(verdict: Verdict) -> dict[str, str]:
    """`RateLimit-Policy` and `RateLimit` for every level the caller may know of, and `Retry-After` on a refusal."""
    rates = [standing for standing in verdict.standings if not standing.name.startswith(_PRIVATE)]
    caps = [occupancy for occupancy in verdict.occupancies if not occupancy.name.startswith(_PRIVATE)]
    headers = {}
    if rates or caps:
        headers["RateLimit-Policy"] = ", ".join([*map(_rate_policy, rates), *map(_cap_policy, caps)])
        headers["RateLimit"] = ", ".join([*map(_rate_state, rates), *map(_cap_state, caps)])
    if not verdict.admitted:
        headers["Retry-After"] = str(max(1, math.ceil(verdict.retry_after)))
    return headers


def _rate_policy(standing: Standing) -> str:
    bucket, limit = standing.charge.bucket, standing.limit
    return _rate_words(bucket.name, bucket.unit, limit.rate, limit.per, limit.burst)


@lru_cache(maxsize=1024)  # they are as many as the rules have limits
def _rate_words(name: str, unit: str, rate: int, per: int, burst: int) -> str:
    counted = "" if unit == "requests" else f';qu="{unit}"'
    return f'"{name}";q={rate}{counted};w={per // MICROSECONDS or 1};bullpen-burst={burst}'


def _rate_state(standing: Standing) -> str:
    # Taken apart: each property would do it again, and there are as many standings as levels at every request.
    charge, limit, backlog, reason, blocked = standing
    left = 0 if blocked else remaining(limit, backlog=backlog)
    empty = max(blocked, reset(limit, backlog=backlog)) / MICROSECONDS
    seconds = empty if reason is None else standing.retry_after
    return f'"{charge.bucket.name}";r={left};t={math.ceil(seconds)}'


def _cap_policy(occupancy: Occupancy) -> str:
    return f'"{occupancy.name}";q={occupancy.cap.most};qu="concurrent-requests"'


def _cap_state(occupancy: Occupancy) -> str:
    return f'"{occupancy.name}";r={occupancy.remaining}'
