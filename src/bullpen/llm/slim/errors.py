"""What goes wrong between us and a provider, beside aiohttp's own exceptions, which pass through.

`llm.failures` makes errors of ours of them: of an answer by its status, of the others by their class. The texts hold
the provider's words and are for logs alone.

- `Refused` · an answer that is no success
- `ErrorEvent` · an error in the middle of a stream
- `Oversized` · an answer without end
"""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["ErrorEvent", "Head", "Oversized", "Refused"]


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers of an answer; the names of headers in any case."""

    status_code: int
    headers: Mapping[str, str]


class Refused(Exception):
    """The provider answered with another status than success."""

    def __init__(self, response: Head, words: str) -> None:
        super().__init__(f"HTTP {response.status_code}: {words}")
        self.response = response


class ErrorEvent(Exception):
    """The provider broke a stream off, and said so in it."""


class Oversized(ValueError):
    """The answer, or one event of it, is larger than any real one."""
