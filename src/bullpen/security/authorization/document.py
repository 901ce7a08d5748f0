"""`policies.cedar`, read so that every mistake can be pointed at."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from bullpen.errors import Misconfigured
from bullpen.security.authorization.advice import advised
from bullpen.security.authorization.cedar import outline
from bullpen.security.authorization.mistakes import Mistakes
from bullpen.security.authorization.permission import ALL
from bullpen.security.authorization.policies import Policies, Rule
from bullpen.security.authorization.source import Source, Statement

__all__ = ["FILE", "LARGEST", "built_in", "policies_in", "policies_of", "read_policies"]

FILE: Final = "policies.cedar"
"""The file's name in the configuration folder."""
LARGEST: Final = 131_072
"""Bytes. Some thousand rules; each decision that is not remembered looks at all of them."""

_HERE: Final = Path(__file__).resolve()
_STANDING: Final = _HERE.with_name("standing.cedar")


def read_policies(path: Path) -> Policies:
    """What the file says.

    Raises:
        Misconfigured: Names every mistake, with its line and column and what was probably meant; or the file cannot be
            read, is larger than `LARGEST` bytes, or is no text.
    """
    try:
        with path.open("rb") as file:
            found = file.read(LARGEST + 1)
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be read: {error.strerror}.") from error
    if len(found) > LARGEST:
        raise Misconfigured(f"{path}: it is larger than {LARGEST} bytes. Say the same in fewer rules.")
    try:
        text = found.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{path}: it is not UTF-8 text: byte {error.start} is not.") from error
    return policies_of(text, name=str(path))


def policies_in(folder: Path) -> Policies:
    """Those of the configuration folder; where it has no policy file, the built-in ones. Raises as `read_policies`."""
    path = folder / FILE
    return read_policies(path) if path.exists() else built_in()


def built_in() -> Policies:
    """The shipped policies: `config/policies.cedar` of a checkout, which an installed package carries along."""
    installed = _HERE.parents[2] / "config"
    return read_policies((installed if installed.is_dir() else _HERE.parents[4] / "config") / FILE)


def policies_of(text: str, *, name: str = FILE) -> Policies:
    """What a text says, which messages call `name`. Raises as `read_policies`."""
    source = Source(text, name=name)
    statements = list(source.statements())
    standing = _standing()
    mistakes = Mistakes(source, taken={rule.id: rule.place for rule in standing})
    mistakes.look(statements)
    if mistakes.found:
        raise Misconfigured(*mistakes.found)
    rules = [_rule(source, each) for each in statements]
    return Policies(
        text=f"{text}\n{_STANDING.read_text('utf-8')}",
        rules=(*rules, *standing),
        roles=_roles(statements),
        names_users=any(each.named("User") for each in statements),
        names_resources=any(each.named("Resource") for each in statements),
        reads_tags=any(each.find("getTag") or each.find("hasTag") for each in statements),
        warnings=tuple(advised(source, statements, rules)),
    )


@cache
def _standing() -> tuple[Rule, ...]:
    source = Source(_STANDING.read_text("utf-8"), name="standing.cedar")
    return tuple(_rule(source, each) for each in source.statements())


def _rule(source: Source, statement: Statement) -> Rule:
    found = outline(source.cut(statement)) or {}
    principal, action = found["principal"], found["action"]
    role = _entity(principal, "Role")
    return Rule(
        id=found["annotations"]["id"],
        effect=found["effect"],
        place=source.line(statement.start),
        by_attributes=found["annotations"].get("by") == "attributes",
        role=role,
        permissions=_permissions(action),
        conditional=bool(found["conditions"]) or found["resource"]["op"] != "All" or not (role or _anybody(principal)),
    )


def _entity(head: Mapping[str, Any], kind: str) -> str | None:
    """The entity a head asks for by `in`, if it is of that type."""
    asked: Mapping[str, str] = (head.get("in") or head).get("entity", {})
    return asked.get("id") if head["op"] != "==" and asked.get("type") == kind else None


def _anybody(head: Mapping[str, Any]) -> bool:
    """Whether a head matches every principal; there is one type of them."""
    return head["op"] == "All" or (head["op"] == "is" and "in" not in head)


def _permissions(head: Mapping[str, Any]) -> frozenset[str]:
    if head["op"] == "All":
        return frozenset({ALL})
    return frozenset(each["id"] for each in head.get("entities", [head.get("entity")]))


def _roles(statements: Sequence[Statement]) -> tuple[str, ...]:
    named = (token.text[1:-1] for each in statements for token in each.named("Role"))
    return tuple(dict.fromkeys(named))
