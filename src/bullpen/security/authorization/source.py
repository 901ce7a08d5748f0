"""The text of a policy file: its statements, and where in the file everything is.

The grammar is Cedar's own business. This module knows only what a token is, so that mistakes can be pointed at, and
counts brackets: Cedar's parser recurses, and a file nested deeply enough would end the process.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

__all__ = ["DEEPEST", "LONGEST", "Source", "Statement", "Token"]

DEEPEST: Final = 32
"""Brackets inside one another. The parser's stack holds some hundreds."""
LONGEST: Final = 800
"""Tokens of one rule. Chains such as `1 + 1 + …` nest without brackets, a level every two tokens, and what reads the
parsed rule takes a thousand levels."""

_TOKEN: Final = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*)
    |(?P<string>"(?:\\.|[^"\\])*")
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<number>[0-9]+)
    |(?P<mark>::|[=!<>]=|&&|\|\||[-+*<>!.,;:(){}\[\]@?])
    |(?P<wrong>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_LEVEL: Final = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}


class Token(NamedTuple):
    """A word, number, string or mark, and its offset in the file."""

    kind: str
    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Statement:
    """The tokens up to a semicolon; at the end of the file it may lack."""

    tokens: tuple[Token, ...]

    @property
    def start(self) -> int:
        """Where it begins."""
        return self.tokens[0].start

    @property
    def depth(self) -> int:
        """How deep its brackets are inside one another."""
        level = deepest = 0
        for token in self.tokens:
            level += _LEVEL.get(token.text, 0)
            deepest = max(deepest, level)
        return deepest

    def named(self, entity_type: str) -> list[Token]:
        """The strings of the entities of a type it names, as `admin` in `Role::"admin"`; quotes included."""
        parts = zip(self.tokens, self.tokens[1:], self.tokens[2:], strict=False)
        return [name for kind, mark, name in parts if (kind.text, mark.text) == (entity_type, "::")]

    def follows(self, first: str, second: str) -> Token | None:
        """The first token that has this text and is followed by that one."""
        return next((a for a, b in pairwise(self.tokens) if (a.text, b.text) == (first, second)), None)

    def find(self, text: str) -> Token | None:
        """The first token of that text."""
        return next((token for token in self.tokens if token.text == text), None)


class Source:
    """A file's text, and its name for messages."""

    def __init__(self, text: str, *, name: str) -> None:
        self.text = text
        self.name = name
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]

    def place(self, offset: int) -> str:
        """Line and column, counted from 1, as `policies.cedar:12:5`."""
        line = bisect_right(self._lines, offset)
        return f"{self.name}:{line}:{offset - self._lines[line - 1] + 1}"

    def line(self, offset: int) -> str:
        """The line alone, as `policies.cedar:12`."""
        return f"{self.name}:{bisect_right(self._lines, offset)}"

    def tokens(self) -> Iterator[Token]:
        """All but spaces and comments; `wrong` are characters that begin no token."""
        for match in _TOKEN.finditer(self.text):
            if match.lastgroup != "space":
                yield Token(match.lastgroup or "wrong", match.group(), match.start())

    def statements(self) -> Iterator[Statement]:
        """One a rule, in their order."""
        found: list[Token] = []
        for token in self.tokens():
            found.append(token)
            if token.text == ";":
                yield Statement(tuple(found))
                found = []
        if found:
            yield Statement(tuple(found))

    def cut(self, statement: Statement, length: int | None = None) -> str:
        """The text of a statement's first tokens; of all when no length is given."""
        last = statement.tokens[:length][-1]
        return self.text[statement.start : last.start + len(last.text)]
