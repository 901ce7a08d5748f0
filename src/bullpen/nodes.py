"""The nodes of a YAML file, read so that every mistake can be pointed at as `file:line`."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

import yaml

from bullpen.errors import Misconfigured
from bullpen.spelling import meant

__all__ = ["Reader", "compose", "fault", "line", "told"]

_LARGEST: Final = 1024 * 1024
_NULL: Final = "tag:yaml.org,2002:null"


class _Loader(yaml.SafeLoader):
    """Leaves dates as text: no file of ours has one, and JSON knows none."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in kinds if not tag.endswith(":timestamp")]
    for first, kinds in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def compose(path: Path) -> list[yaml.Node]:
    """The root of every document in the file.

    Raises:
        Misconfigured: It cannot be read, is larger than 1 MiB, or is not YAML; with file and line.
    """
    text = _text(path)
    try:
        return list(yaml.compose_all(text, Loader=_Loader))
    except yaml.reader.ReaderError as error:
        at = text.count("\n", 0, error.position) + 1
        found = f"it holds U+{error.character:04X}, which is not allowed"
        raise Misconfigured(f"{path}:{at}: is not valid YAML: {found}") from error
    except yaml.MarkedYAMLError as error:
        raise Misconfigured(fault(path, error)) from error
    except RecursionError:
        raise Misconfigured(f"{path}:1: is nested too deeply") from None


def fault(path: Path, error: yaml.MarkedYAMLError) -> str:
    """What YAML has against a file, with the line."""
    at = error.problem_mark.line + 1 if error.problem_mark else 1
    return f"{path}:{at}: is not valid YAML: {error.problem}"


def line(node: yaml.Node) -> int:
    """Where it begins, counted from 1."""
    return int(node.start_mark.line) + 1


def told(node: yaml.Node) -> str:
    """A node as a message names it."""
    if isinstance(node, yaml.ScalarNode):
        return f"`{node.value}`" if node.value else "nothing"
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"


class Reader:
    """Walks one file, and notes what is wrong instead of stopping at it.

    Attributes:
        problems: What was noted so far, each with file and line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.problems: list[str] = []

    def root(self) -> yaml.Node | None:
        """The one document; None where the file is empty or says null.

        Raises:
            Misconfigured: As `compose`; or there is more than one.
        """
        roots = compose(self._path)
        if len(roots) > 1:
            raise Misconfigured(f"{self._path}:{line(roots[1])}: is a second document; keep one.")
        return next((root for root in roots if root.tag != _NULL), None)

    def entries(
        self, node: yaml.Node, *, what: str, known: Collection[str] | None = None
    ) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        """The entries of a mapping, each once, that are named, and among the known names when there are any."""
        if not isinstance(node, yaml.MappingNode):
            self.note(node, f"expected a mapping by {what}, and found {told(node)}.")
            return
        seen: set[str] = set()
        for key, below in node.value:
            if not isinstance(key, yaml.ScalarNode) or not key.value:
                self.note(key, f"a {what} must have a name.")
            elif known is not None and key.value not in known:
                self.note(key, f"unknown {what} `{key.value}`. {meant(key.value, known)}")
            elif key.value in seen:
                self.note(key, f"the {what} `{key.value}` is given twice; remove one of the two.")
            else:
                seen.add(key.value)
                yield key, below

    def note(self, node: yaml.Node, text: str) -> None:
        """Remembers a mistake at a node."""
        self.problems.append(f"{self._path}:{line(node)}: {text}")

    def check(self) -> None:
        """Ends the walk.

        Raises:
            Misconfigured: Something was noted; with all of it.
        """
        if self.problems:
            raise Misconfigured(*self.problems)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise Misconfigured(f"{path}:1: is larger than {_LARGEST // 1024} KiB")
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise Misconfigured(f"{path}:1: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{path}:1: cannot be read: it is not UTF-8 text") from error
