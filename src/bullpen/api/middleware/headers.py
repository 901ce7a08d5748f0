"""Headers that keep a browser from misusing an answer: OWASP's list for REST services."""

from collections.abc import Iterable
from typing import Final, TypeAlias

__all__ = ["RawHeaders", "guarded"]

RawHeaders: TypeAlias = list[tuple[bytes, bytes]]

_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
# One year. The operator's other hosts are not ours to speak for: no includeSubDomains, no preload.
_BEHIND_TLS: Final = (*_HEADERS, (b"strict-transport-security", b"max-age=31536000"))


def guarded(headers: Iterable[tuple[bytes, bytes]], *, secure: bool = False) -> RawHeaders:
    """These headers and ours; one the route has set already stands.

    Args:
        headers: What the route says.
        secure: The client came over TLS, and is told to stay there (RFC 6797 forbids saying so otherwise).
    """
    given = list(headers)
    present = {name for name, _ in given}
    return given + [pair for pair in (_BEHIND_TLS if secure else _HEADERS) if pair[0] not in present]
