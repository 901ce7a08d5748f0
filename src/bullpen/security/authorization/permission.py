"""Permissions: words joined by colons, and which of them include which."""

from typing import Final

__all__ = ["ALL", "covering", "covers"]

ALL: Final = "*"
"""The permission that includes every other."""

_OWN: Final = "own"


def covers(granted: str, wanted: str) -> bool:
    """Whether one permission includes another: itself, all below it, or, for `*`, all there are.

    `agent:execute` includes `agent:execute:basic`, not `agent:executes`, and nothing includes what is above it.
    """
    return granted in {ALL, wanted} or (granted != "" and wanted.startswith(f"{granted}:"))


def covering(wanted: str, *, owned: bool | None = None) -> tuple[str, frozenset[str]]:
    """What is really asked for, and every permission that includes it.

    The word `own` after the first is a scope: `agent:read:own` is `agent:read`, on what is the caller's own. So it is
    above `agent:read` when the thing is the caller's, and is nothing when it is somebody else's: asking for
    `agent:read:own` is then asking for `agent:read`.

    Args:
        wanted: The permission asked for.
        owned: Whether the thing is the caller's own; None when it is nobody's.
    """
    words = wanted.split(":")
    if owned is False and _OWN in words[1:]:
        words = words[: words.index(_OWN, 1)]
    above = {":".join(words[:length]) for length in range(1, len(words) + 1)} - {""}
    if owned:
        above |= {f"{each}:{_OWN}" for each in above}
    return ":".join(words), frozenset(above | {ALL})
