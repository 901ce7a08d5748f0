"""The places of streamed tool calls, counted anew.

Each piece says which of the answer's calls it belongs to, by a number the provider chooses. OpenAI counts calls from 0;
others count their blocks of text too, and a number may be anything. Agno makes a list as long as the largest one: calls
that nobody made, and with ten million a loop that stands still for all.
"""

from collections.abc import Iterable
from typing import Any

__all__ = ["close_up"]


def close_up(pieces: Iterable[Any]) -> None:
    """Gives each call the next place, in the order they began; what has no `index` is left as it is."""
    places: dict[Any, int] = {}
    for piece in pieces:
        if hasattr(piece, "index"):
            piece.index = places.setdefault(piece.index or 0, len(places))
