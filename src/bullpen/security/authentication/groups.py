"""`groups.yaml`: which roles the members of a provider's groups have."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import yaml

from bullpen.nodes import Reader
from bullpen.spelling import meant

__all__ = ["GroupRoles", "Groups", "read_groups"]

GroupRoles: TypeAlias = Mapping[str, frozenset[str]]


class Groups:
    """The groups of the file that was read last; a `FileWatch` may replace it at any time.

    Attributes:
        version: Another one after every replacement.
    """

    def __init__(self, roles: GroupRoles) -> None:
        self._roles = roles
        self.version = 0

    def replace(self, roles: GroupRoles) -> None:
        """From now on these hold, also for those who were let in by the others."""
        self._roles = roles
        self.version += 1

    def roles_of(self, groups: Iterable[str]) -> frozenset[str]:
        """Everything these groups have together. A group that is not in the file has nothing."""
        return frozenset().union(*(self._roles.get(group, ()) for group in groups))


def read_groups(path: Path, *, roles: Collection[str] | None = None) -> GroupRoles:
    """What the file says: one mapping of a group, as the token spells it, to a list of roles.

    Args:
        path: The file.
        roles: The roles there are; another one is a mistake. None leaves them unchecked.

    Raises:
        Misconfigured: With every mistake, each with file and line, and what was probably meant.
    """
    reader = _Reader(path, roles)
    found = dict(reader.groups())
    reader.check()
    return found


class _Reader(Reader):
    """Walks the groups file."""

    def __init__(self, path: Path, roles: Collection[str] | None) -> None:
        super().__init__(path)
        self._roles = roles

    def groups(self) -> Iterator[tuple[str, frozenset[str]]]:
        root = self.root()
        if root is not None:
            for group, below in self.entries(root, what="group"):
                yield group.value, frozenset(self._names(group.value, below))

    def _names(self, group: str, node: yaml.Node) -> Iterator[str]:
        if not isinstance(node, yaml.SequenceNode):
            self.note(node, f"the roles of `{group}` must be a list, as in `[analyst]`.")
            return
        for each in node.value:
            if not isinstance(each, yaml.ScalarNode) or not each.value:
                self.note(each, f"a role of `{group}` must be a name.")
            elif self._roles is not None and each.value not in self._roles:
                self.note(each, f"unknown role `{each.value}`. {meant(each.value, self._roles)}")
            else:
                yield each.value
