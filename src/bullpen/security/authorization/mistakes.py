"""What is wrong with a policy file: all of it, in the order of the file."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from bullpen.security.authorization.cedar import fault, outline, violations
from bullpen.security.authorization.source import DEEPEST, LONGEST, Source, Statement, Token
from bullpen.security.authorization.vocabulary import ATTRIBUTES, GRAMMAR, TYPES, is_permission, schema_with
from bullpen.spelling import nearest

__all__ = ["Mistakes"]

_UNFINISHED: Final = "unexpected end of input"
_UNEXPECTED: Final = "unexpected token"
_MOST: Final = 50
_ANNOTATIONS: Final = ("id", "by")
_BEGINNINGS: Final = ("@", "permit", "forbid")
_QUOTED: Final = re.compile(r"`([^`]+)`")
_ASIDE: Final = re.compile(r'^for policy `\w+`, | for Action::"[^"]*"')
_ECHO: Final = "unable to find an applicable action"
_TOLD: Final = re.compile(r"(?:: @?|`)(\w+)")


class Mistakes:
    """Looks at the statements of one file, and gathers what is wrong."""

    def __init__(self, source: Source, *, taken: Mapping[str, str]) -> None:
        """`taken` are the ids that no rule may have, and where they are."""
        self._source = source
        self._ids = dict(taken)
        self._found: list[tuple[int, str]] = []

    @property
    def found(self) -> list[str]:
        """One line a mistake; of very many, the first ones and how many there are."""
        told = [f"{self._source.place(offset)}: {text}" for offset, text in sorted(self._found)[:_MOST]]
        more = len(self._found) - len(told)
        return [*told, f"{self._source.name}: {more} more mistakes."] if more else told

    def look(self, statements: Sequence[Statement]) -> None:
        """Looks at the grammar of each, then at the words of those that have no mistake so far."""
        if not statements:
            # A file that is just being written is empty for a moment, and that must not lock everybody out.
            self._add(
                0, "it has no rule, so nobody may do anything. Where that is meant, write a `forbid` of everything."
            )
        sound = [each for each in statements if self._is_sound(each)]
        for each in sound:
            self._look_at_head(each)
            self._look_at_names(each)
        for each in sound:
            self._look_at_words(each, violations(self._source.cut(each), schema=_schema(each)))

    def _add(self, offset: int, text: str) -> None:
        self._found.append((offset, text))

    def _is_sound(self, statement: Statement) -> bool:
        """Whether Cedar can read it; says why not. What would end the process is not shown to Cedar's parser."""
        wrong = next((token for token in statement.tokens if token.kind == "wrong"), None)
        if wrong is not None:
            unended = wrong.text == '"'
            self._add(wrong.start, "this string does not end." if unended else f"{wrong.text!a} does not belong here.")
        elif len(statement.tokens) > LONGEST:
            self._add(statement.start, f"this rule is longer than {LONGEST} words and signs. Make several of it.")
        elif statement.depth > DEEPEST:
            self._add(statement.start, f"this rule has more than {DEEPEST} brackets in one another. Write it flatter.")
        else:
            return self._reads(statement)
        return False

    def _reads(self, statement: Statement) -> bool:
        text = self._source.cut(statement)
        problem = fault(text)
        if problem is None and outline(text) is not None:
            return True
        if problem is None:
            self._add(statement.start, "a template permits nothing by itself. Name the principal and the resource.")
        elif problem.startswith(_UNFINISHED):
            last = statement.tokens[-1]
            self._add(last.start + len(last.text), "the rule does not end here: a `;` or a bracket is missing.")
        else:
            offset, hint = self._pointed(statement, problem)
            self._add(offset, f"{problem.rstrip('.')}.{hint}")
        return False

    def _pointed(self, statement: Statement, problem: str) -> tuple[int, str]:
        """Where a fault of the grammar is, and what was probably meant there.

        Cedar does not say where. But of a beginning that is right so far, ended by a semicolon, it minds the semicolon
        at most: so the shortest beginning with which it minds another token ends with the culprit.
        """
        tokens = statement.tokens
        if not problem.startswith(_UNEXPECTED):  # each token fits, and the text names the wrong word
            named = (statement.find(word) for word in _TOLD.findall(problem))
            culprit = next(filter(None, named), tokens[0])
            return culprit.start, _hint(culprit)
        beginnings = range(1, len(tokens))
        culprit = tokens[bisect_left(beginnings, 1, key=lambda length: self._is_wrong(statement, length))]
        unended = culprit.text in _BEGINNINGS and culprit is not tokens[0]
        return culprit.start, " Does the rule before it lack its `;`?" if unended else _hint(culprit)

    def _is_wrong(self, statement: Statement, length: int) -> bool:
        problem = fault(f"{self._source.cut(statement, length)} ;") or ""
        return problem.startswith(_UNEXPECTED) and problem != f"{_UNEXPECTED} `;`"

    def _look_at_head(self, statement: Statement) -> None:
        """The annotations: a rule has a name of its own, which decisions and the audit trail tell."""
        outlined: Mapping[str, Any] = outline(self._source.cut(statement)) or {}
        told: Mapping[str, str | None] = outlined.get("annotations", {})
        name = told.get("id")
        if not name:
            self._add(statement.start, 'the rule has no name. Write `@id("…")` before it.')
        elif name in self._ids:
            self._add(statement.start, f"there is a rule `{name}` already, at {self._ids[name]}. Rename one of them.")
        else:
            self._ids[name] = self._source.line(statement.start)
        for unknown in told.keys() - set(_ANNOTATIONS):
            hint = nearest(unknown, _ANNOTATIONS) or " There are `@id` and `@by`."
            self._add(statement.start, f"there is no annotation `@{unknown}`.{hint}")
        if told.get("by", "attributes") != "attributes":
            self._add(statement.start, f'`@by` is "attributes" or absent, not "{told["by"]}".')

    def _look_at_names(self, statement: Statement) -> None:
        """What the schema cannot tell, as it knows any permission and no role."""
        for token in statement.named("Action"):
            name = token.text[1:-1]
            if not is_permission(name):
                inner = name.removesuffix(":*")
                hint = f" `{inner}` includes all below it." if is_permission(inner) and inner != name else ""
                self._add(token.start, f'"{name}" is no permission: those are words joined by colons, or `*`.{hint}')
        compared = statement.follows("owner", ".")
        if compared is not None:
            self._add(compared.start, "nothing is known of an owner; it can only be compared, as with `principal`.")

    def _look_at_words(self, statement: Statement, problems: Iterable[str]) -> None:
        """What Cedar's validator has against a rule, without what only follows from something else it said."""
        told = dict.fromkeys(_ASIDE.sub("", problem) for problem in problems)  # one a permission, so some are alike
        causes = [each for each in told if not each.startswith(_ECHO)]
        for problem in causes or told:
            quoted = _QUOTED.findall(problem)
            if any(word.startswith("Action::") for word in quoted):
                continue  # it was said above that this is no permission
            tokens = (statement.find(word) for word in quoted)
            token = next(filter(None, tokens), None)
            start = token.start if token else statement.start
            self._add(start, "".join([problem.rstrip("."), ".", *_remedy(problem, quoted[:1])]))


def _schema(statement: Statement) -> str:
    """The schema with the permissions of this rule; with those of all rules, many would take the square of the time."""
    return schema_with(filter(is_permission, {token.text[1:-1] for token in statement.named("Action")}))


def _hint(token: Token) -> str:
    return nearest(token.text, GRAMMAR) if token.kind == "word" and token.text not in GRAMMAR else ""


def _remedy(problem: str, words: Sequence[str]) -> Iterator[str]:
    for word in words:
        if "entity type" in problem and "unrecognized" in problem:
            yield nearest(word, TYPES) or f" There are {', '.join(TYPES)}."
        elif "not found" in problem:
            yield nearest(word, ATTRIBUTES)
        elif "optional attribute" in problem:
            subject = "principal" if "`User`" in problem else "resource"
            yield f" Not all have it: ask `{subject} has {word} &&` first."
