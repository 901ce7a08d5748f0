"""What somebody may have meant by a word that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["meant", "nearest"]


def meant(word: str, known: Iterable[str]) -> str:
    """A sentence to put behind "unknown …": the nearest known word, or else all of them."""
    choices = sorted(known)
    listed = f"Known are: {', '.join(choices)}." if choices else "None are configured."
    return nearest(word, choices).lstrip() or listed


def nearest(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str:
    """` Did you mean …?`, with its space; empty when nothing known is as near as the likeness, from 0 to 1, asks."""
    near = get_close_matches(word, sorted(known), n=1, cutoff=likeness)
    return f" Did you mean `{near[0]}`?" if near else ""
