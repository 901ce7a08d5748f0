"""`config/limits.yaml`, read so that every mistake can be pointed at."""

from collections.abc import Callable, Collection, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import yaml

from bullpen.errors import Misconfigured
from bullpen.limits.rules import BUILT_IN, LEVELS, MOST, Level, Penalty, Rule, Rules

__all__ = ["load_rules", "read_rules"]

_SECTIONS: Final = ("levels", "tenants", "roles", "routes", "penalty")
_NEEDS: Final = {"per": "rate", "burst": "rate", "tokens_burst": "tokens_per_minute"}
_PENALTY: Final = {"burst": 86_400, "excess": 86_400}
_LIFTED: Final = "unlimited"

_Named: TypeAlias = dict[Level, Rule | None]


def read_rules(path: Path, *, roles: Collection[str] | None = None, routes: Collection[str] | None = None) -> Rules:
    """What the file says. Without `levels` the built-in ones hold; `levels: {}` limits nothing.

    Args:
        path: The file, which must be there.
        roles: The roles there are; an exception for another one is a mistake. None leaves them unchecked.
        routes: The same for routes.

    Raises:
        Misconfigured: With every mistake, each with file and line, and what was probably meant.
    """
    reader = _Reader(path)
    rules = reader.rules(_root(path), roles=roles, routes=routes)
    if reader.problems:
        raise Misconfigured(*reader.problems)
    return rules


def load_rules(path: Path, *, roles: Collection[str] | None = None, routes: Collection[str] | None = None) -> Rules:
    """What `read_rules` finds; the built-in limits where there is no file."""
    return read_rules(path, roles=roles, routes=routes) if path.exists() else BUILT_IN


def _root(path: Path) -> yaml.Node | None:
    try:
        return yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}:1: the limits cannot be read ({type(error).__name__}).") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Misconfigured(f"{path}:{line}: this is not YAML ({error.problem}).") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise Misconfigured(f"{path}:1: this is not YAML.") from error


class _Reader:
    """Walks the file, and notes what is wrong instead of stopping at it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.problems: list[str] = []

    def rules(self, root: yaml.Node | None, *, roles: Collection[str] | None, routes: Collection[str] | None) -> Rules:
        if root is None or _value(root) is None:
            return BUILT_IN
        sections = dict(self._entries(root, what="section", known=_SECTIONS))
        return Rules(
            levels=self._levels(sections["levels"]) if "levels" in sections else BUILT_IN.levels,
            tenants=self._exceptions(sections.get("tenants"), what="tenant", known=None),
            roles=self._exceptions(sections.get("roles"), what="role", known=roles),
            routes=self._exceptions(sections.get("routes"), what="route", known=routes),
            penalty=self._penalty(sections.get("penalty")),
        )

    def _levels(self, node: yaml.Node) -> Mapping[Level, Rule]:
        found: dict[Level, Rule] = {}
        for level, rule_node in self._entries(node, what="level", known=LEVELS):
            rule = self._rule(rule_node)
            found[cast("Level", level)] = rule
            for name, needed in _NEEDS.items():
                if getattr(rule, name) is not None and getattr(rule, needed) is None:
                    self._note(rule_node, f"`{name}` says nothing without `{needed}`; add it.")
        return found

    def _exceptions(
        self, node: yaml.Node | None, *, what: str, known: Collection[str] | None
    ) -> Mapping[str, Mapping[Level, Rule | None]]:
        return {name: self._named(below) for name, below in self._entries(node, what=what, known=known)}

    def _named(self, node: yaml.Node) -> _Named:
        entries = self._entries(node, what="level", known=LEVELS)
        return {cast("Level", name): None if _value(below) == _LIFTED else self._rule(below) for name, below in entries}

    def _rule(self, node: yaml.Node) -> Rule:
        return Rule(**self._numbers(node, MOST))

    def _penalty(self, node: yaml.Node | None) -> Penalty | None:
        value = None if node is None else _value(node)
        if node is None or value is False:
            return None
        return Penalty() if value is True else Penalty(**self._numbers(node, _PENALTY))

    def _numbers(self, node: yaml.Node, most: Mapping[str, int]) -> dict[str, int]:
        found = {}
        for name, below in self._entries(node, what="field", known=most):
            number = _value(below)
            if _is_plain(below) and type(number) is int and 1 <= number <= most[name]:
                found[name] = number
            else:
                self._note(below, f"`{name}` must be a whole number from 1 to {most[name]}, and is {_told(below)}.")
        return found

    def _entries(
        self, node: yaml.Node | None, *, what: str, known: Collection[str] | None
    ) -> Iterator[tuple[str, yaml.Node]]:
        """The entries of a mapping whose names are known, each once."""
        if node is None:
            return
        if not isinstance(node, yaml.MappingNode):
            self._note(node, f"expected a mapping by {what}, and found {_told(node)}.")
            return
        seen: set[str] = set()
        for key, below in node.value:
            name = str(key.value)
            if known is not None and name not in known:
                self._note(key, f"unknown {what} `{name}`. {_meant(name, known)}")
            elif name in seen:
                self._note(key, f"the {what} `{name}` is given twice; remove one of the two.")
            else:
                seen.add(name)
                yield name, below

    def _note(self, node: yaml.Node, text: str) -> None:
        self.problems.append(f"{self._path}:{node.start_mark.line + 1}: {text}")


_construct: Final[Callable[[yaml.Node], Any]] = yaml.constructor.SafeConstructor().construct_object


def _value(node: yaml.Node) -> Any:
    """What a scalar means in YAML; anything else is itself."""
    if not isinstance(node, yaml.ScalarNode):
        return node
    try:
        return _construct(node)
    except (yaml.YAMLError, ValueError):  # a date that is none
        return node


def _is_plain(node: yaml.Node) -> bool:
    """YAML also takes 0100 for 64 and 1:40 for 100; nobody who writes a limit means that."""
    return isinstance(node, yaml.ScalarNode) and node.value.isdecimal() and not node.value.startswith("0")


def _told(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return f"`{node.value}`" if node.value else "nothing"
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"


def _meant(word: str, known: Collection[str]) -> str:
    near = get_close_matches(word, known, n=1)
    return f"Did you mean `{near[0]}`?" if near else f"Known are: {', '.join(sorted(known))}."
