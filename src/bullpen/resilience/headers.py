"""What a provider's headers say about when to come back.

Sources: OpenAI's guide "Rate limits" (`x-ratelimit-*`, times as Go writes durations), Anthropic's page "Rate limits"
(`anthropic-ratelimit-*`, times by RFC 3339), `Retry-After` (RFC 9110 §10.2.3) and Azure's `retry-after-ms`. Whatever
is not written as they say is ignored, for a header must never fail a call.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

__all__ = ["asked_rest", "retry_after"]

_AFTER: Final = "retry-after"
_AFTER_MS: Final = "retry-after-ms"
_NUMBER: Final = re.compile(r"\d{1,15}(?:\.\d{1,15})?", re.ASCII)
_PART: Final = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)(ms|us|µs|ns|h|m|s)", re.ASCII)
_DURATION: Final = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)
_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def asked_rest(headers: Mapping[str, str], *, now: float) -> float:
    """Seconds the provider wants to be left alone from now on; 0 when it does not say so.

    Args:
        headers: Of one answer, good or bad; names in lower case.
        now: Seconds since 1970, where the answer has no `Date` of its own. Its own is better: both ends of a span are
            then on one clock, and ours may be wrong.
    """
    spent = [(headers.get(reset, ""), read) for left, reset, read in _QUOTAS if _is_spent(headers.get(left))]
    if not spent and _AFTER not in headers and _AFTER_MS not in headers:
        return 0.0
    now = _date(headers.get("date", "")) or now
    asked = (_milliseconds(headers.get(_AFTER_MS, "")), retry_after(headers.get(_AFTER, ""), now=now) or 0.0)
    return max(0.0, *asked, *(read(reset.strip(), now) for reset, read in spent))


def retry_after(value: str, *, now: float) -> float | None:
    """Seconds in a `Retry-After`, given as such or as a date; None for anything else."""
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    date = _date(text)
    return None if date is None else max(0.0, date - now)


def _milliseconds(value: str) -> float:
    return float(value) / 1000 if _NUMBER.fullmatch(value) else 0.0


def _is_spent(left: str | None) -> bool:
    """Whether nothing is left of a quota."""
    return left is not None and "0" in left and not left.strip(" 0")


def _span(text: str, _: float) -> float:
    """A duration as in `6m0s` or `120ms`."""
    if not _DURATION.fullmatch(text):
        return 0.0
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def _moment(text: str, now: float) -> float:
    """The time until a moment as in `2026-11-20T16:00:00Z`; one without an offset is none."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.timestamp() - now if moment.tzinfo else 0.0
    except (ValueError, OverflowError):
        return 0.0


def _date(text: str) -> float | None:
    """An HTTP date, in seconds since 1970. It is always Greenwich's time, also when it does not say so."""
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


_QUOTAS: Final = (
    *((f"x-ratelimit-remaining-{what}", f"x-ratelimit-reset-{what}", _span) for what in ("requests", "tokens")),
    *(
        (f"anthropic-ratelimit-{what}-remaining", f"anthropic-ratelimit-{what}-reset", _moment)
        for what in ("requests", "tokens", "input-tokens", "output-tokens")
    ),
)
