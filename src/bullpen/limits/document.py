"""`config/limits.yaml`, read so that every mistake can be pointed at."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import yaml

from bullpen.limits.rules import BUILT_IN, LEVELS, MOST, Level, Penalty, Rule, Rules
from bullpen.nodes import Reader, told

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
    rules = reader.rules(roles=roles, routes=routes)
    reader.check()
    return rules


def load_rules(path: Path, *, roles: Collection[str] | None = None, routes: Collection[str] | None = None) -> Rules:
    """What `read_rules` finds; the built-in limits where there is no file."""
    return read_rules(path, roles=roles, routes=routes) if path.exists() else BUILT_IN


class _Reader(Reader):
    """Walks the limits file."""

    def rules(self, *, roles: Collection[str] | None, routes: Collection[str] | None) -> Rules:
        root = self.root()
        if root is None:
            return BUILT_IN
        sections = {key.value: below for key, below in self.entries(root, what="section", known=_SECTIONS)}
        return Rules(
            levels=self._levels(sections["levels"]) if "levels" in sections else BUILT_IN.levels,
            tenants=self._exceptions(sections.get("tenants"), what="tenant", known=None),
            roles=self._exceptions(sections.get("roles"), what="role", known=roles),
            routes=self._exceptions(sections.get("routes"), what="route", known=routes),
            penalty=self._penalty(sections.get("penalty")),
        )

    def _levels(self, node: yaml.Node) -> Mapping[Level, Rule]:
        found: dict[Level, Rule] = {}
        for level, rule_node in self.entries(node, what="level", known=LEVELS):
            rule = self._rule(rule_node)
            found[cast("Level", level.value)] = rule
            for name, needed in _NEEDS.items():
                if getattr(rule, name) is not None and getattr(rule, needed) is None:
                    self.note(rule_node, f"`{name}` says nothing without `{needed}`; add it.")
        return found

    def _exceptions(
        self, node: yaml.Node | None, *, what: str, known: Collection[str] | None
    ) -> Mapping[str, Mapping[Level, Rule | None]]:
        if node is None:
            return {}
        return {key.value: self._named(below) for key, below in self.entries(node, what=what, known=known)}

    def _named(self, node: yaml.Node) -> _Named:
        return {
            cast("Level", level.value): None if _value(below) == _LIFTED else self._rule(below)
            for level, below in self.entries(node, what="level", known=LEVELS)
        }

    def _rule(self, node: yaml.Node) -> Rule:
        return Rule(**self._numbers(node, MOST))

    def _penalty(self, node: yaml.Node | None) -> Penalty | None:
        value = None if node is None else _value(node)
        if node is None or value is False:
            return None
        return Penalty() if value is True else Penalty(**self._numbers(node, _PENALTY))

    def _numbers(self, node: yaml.Node, most: Mapping[str, int]) -> dict[str, int]:
        found = {}
        for key, below in self.entries(node, what="field", known=most):
            name, number = key.value, _value(below)
            if _is_plain(below) and type(number) is int and 1 <= number <= most[name]:
                found[name] = number
            else:
                self.note(below, f"`{name}` must be a whole number from 1 to {most[name]}, and is {told(below)}.")
        return found


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
