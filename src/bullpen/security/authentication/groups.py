"""`groups.yaml`: which roles the members of a provider's groups have."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Final, TypeAlias

import yaml

from bullpen.errors import Misconfigured

__all__ = ["GroupRoles", "Groups", "read_groups"]

GroupRoles: TypeAlias = Mapping[str, frozenset[str]]

_LARGEST: Final = 1024 * 1024
_NULL: Final = "tag:yaml.org,2002:null"


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
    found = dict(reader.groups(_root(path)))
    if reader.problems:
        raise Misconfigured(*reader.problems)
    return found


def _root(path: Path) -> yaml.Node | None:
    try:
        if path.stat().st_size > _LARGEST:
            raise Misconfigured(f"{path}:1: the groups are larger than {_LARGEST // 1024} KiB.")
        return yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}:1: the groups cannot be read ({type(error).__name__}).") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Misconfigured(f"{path}:{line}: this is not YAML ({error.problem}).") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise Misconfigured(f"{path}:1: this is not YAML.") from error


class _Reader:
    """Walks the file, and notes what is wrong instead of stopping at it."""

    def __init__(self, path: Path, roles: Collection[str] | None) -> None:
        self._path = path
        self._roles = roles
        self.problems: list[str] = []

    def groups(self, root: yaml.Node | None) -> Iterator[tuple[str, frozenset[str]]]:
        if root is None or root.tag == _NULL:
            return
        if not isinstance(root, yaml.MappingNode):
            self._note(root, "expected a mapping of groups to lists of roles.")
            return
        seen: set[str] = set()
        for key, below in root.value:
            if not isinstance(key, yaml.ScalarNode) or not key.value:
                self._note(key, "a group must have a name.")
            elif key.value in seen:
                self._note(key, f"the group `{key.value}` is given twice; remove one of the two.")
            else:
                seen.add(key.value)
                yield key.value, frozenset(self._names(key.value, below))

    def _names(self, group: str, node: yaml.Node) -> Iterator[str]:
        if not isinstance(node, yaml.SequenceNode):
            self._note(node, f"the roles of `{group}` must be a list, as in `[analyst]`.")
            return
        for each in node.value:
            if not isinstance(each, yaml.ScalarNode) or not each.value:
                self._note(each, f"a role of `{group}` must be a name.")
            elif self._roles is not None and each.value not in self._roles:
                self._note(each, f"unknown role `{each.value}`. {_meant(each.value, self._roles)}")
            else:
                yield each.value

    def _note(self, node: yaml.Node, text: str) -> None:
        self.problems.append(f"{self._path}:{node.start_mark.line + 1}: {text}")


def _meant(word: str, known: Collection[str]) -> str:
    near = get_close_matches(word, known, n=1)
    return f"Did you mean `{near[0]}`?" if near else f"Known are: {', '.join(sorted(known))}."
