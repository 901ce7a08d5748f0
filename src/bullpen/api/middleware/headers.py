"""Headers that keep a browser from misusing an answer."""

from collections.abc import Iterable
from typing import Final, TypeAlias

__all__ = ["RawHeaders", "guarded"]

RawHeaders: TypeAlias = list[tuple[bytes, bytes]]

_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)


def guarded(headers: Iterable[tuple[bytes, bytes]]) -> RawHeaders:
    """These headers and the five of ours; one the route has set already stands."""
    given = list(headers)
    present = {name for name, _ in given}
    return given + [pair for pair in _HEADERS if pair[0] not in present]
