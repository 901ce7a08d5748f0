"""What somebody may have meant by a word that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["meant"]


def meant(word: str, known: Iterable[str]) -> str:
    """A sentence to put behind "unknown …": the nearest known word, or else all of them."""
    choices = sorted(known)
    near = get_close_matches(word, choices, n=1)
    if near:
        return f"Did you mean `{near[0]}`?"
    return f"Known are: {', '.join(choices)}." if choices else "None are configured."
