"""Lists as plain text."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

__all__ = ["columns", "moment"]


def columns(rows: Iterable[Sequence[str]]) -> str:
    """The rows, one a line, their cells one below the other."""
    lines = list(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in lines)


def moment(at: float | None) -> str:
    """A time in seconds since 1970, in UTC to the minute; a dash for none."""
    return "-" if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"
