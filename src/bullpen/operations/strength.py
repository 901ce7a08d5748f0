"""Whether a secret is one that somebody could guess."""

import math
from collections import Counter
from itertools import pairwise
from typing import Final

__all__ = ["weakness"]

_SHORTEST: Final = 32  # bytes, the key size of HS256 (RFC 7518 §3.2)
_LEAST_BITS: Final = 80
_MOSTLY: Final = 0.75
_LOOKED_AT: Final = 1024

# What manuals and examples write where a secret belongs, letters only and no digits. Random text has one of them by
# chance about as often as somebody guesses it.
_EXAMPLES: Final = (
    "apisecret",
    "changein",
    "changeit",
    "changeme",
    "changethis",
    "example",
    "insertyour",
    "jwtsecret",
    "password",
    "placeholder",
    "replaceme",
    "secretkey",
    "supersecret",
    "supersecure",
    "yoursecret",
)


def weakness(secret: str) -> str | None:
    """Why the secret is no secret, in words that follow its name; None when nothing speaks against it.

    It must have 32 bytes, be no example of a manual's, no run such as `abcdef…`, and hold 80 bits as its characters
    are mixed: their Shannon entropy times their number, a repetition counted once. 32 random hex digits have about
    110. This finds what was typed to fill a line; it cannot tell a sentence out of a book from a random one.
    """
    if len(secret.encode()) < _SHORTEST:
        return f"has fewer than {_SHORTEST} bytes"
    secret = secret[:_LOOKED_AT]
    letters = "".join(each for each in secret.lower() if each.isalpha())
    if any(word in letters for word in _EXAMPLES):
        return "is an example out of a manual, or has one in it"
    once = secret[: _period(secret)]
    if _bits(once) < _LEAST_BITS or _is_run(secret):
        return "repeats itself, or follows a pattern that is easily guessed"
    return None


def _period(text: str) -> int:
    """The length of the piece the text repeats, the last time perhaps in part; its own when it does not."""
    return next(length for length in range(1, len(text) + 1) if text.startswith(text[length:]))


def _bits(text: str) -> float:
    number = len(text)
    return -sum(count * math.log2(count / number) for count in Counter(text).values())


def _is_run(text: str) -> bool:
    """Whether most characters are the one before, or its neighbour."""
    steps = [abs(ord(after) - ord(before)) <= 1 for before, after in pairwise(text)]
    return sum(steps) > _MOSTLY * len(steps)
