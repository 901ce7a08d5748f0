"""What is not wrong with a policy file, and probably not meant."""

from collections.abc import Iterator, Sequence
from typing import Final

from bullpen.security.authorization.permission import ALL, covers
from bullpen.security.authorization.policies import Rule
from bullpen.security.authorization.source import Source, Statement
from bullpen.spelling import nearest

__all__ = ["PERMISSIONS", "ROLES", "advised"]

ROLES: Final = ("admin", "developer", "analyst", "user")
PERMISSIONS: Final = (
    *("agent:create", "agent:execute", "agent:execute:basic", "agent:execute:advanced", "agent:read", "agent:read:own"),
    *("audit:read", "audit:read:own", "audit:read:house", "data:read"),
    *("key:read", "key:manage", "metrics:read", "pool:read", "security:read"),
)
_SLIP: Final = 0.75
"""Two letters changed places; `cost:read` is not meant to be `pool:read`."""


def advised(source: Source, statements: Sequence[Statement], rules: Sequence[Rule]) -> Iterator[str]:
    """One line a doubt, in the order of the file."""
    for statement, rule in zip(statements, rules, strict=True):
        place = source.place(statement.start)
        if rule.effect == "permit" and not rule.role and not rule.conditional and ALL in rule.permissions:
            yield f"{place}: the rule `{rule.id}` permits everybody everything inside their tenant."
        for kind, known in (("Role", ROLES), ("Action", PERMISSIONS)):
            yield from _nearly(source, statement, kind, known)


def _nearly(source: Source, statement: Statement, kind: str, known: Sequence[str]) -> Iterator[str]:
    """Names that are almost one of the house's. Any name is right, so it is no mistake."""
    for token in statement.named(kind):
        name = token.text[1:-1]
        hint = nearest(name, known, likeness=_SLIP)
        if hint and not any(covers(name, each) or covers(each, name) for each in known):
            yield f"{source.place(token.start)}: `{name}` is new.{hint}"
