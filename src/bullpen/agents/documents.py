"""YAML that remembers where everything stood, so that a mistake can be pointed at."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bullpen.agents.wording import in_words, is_sentence
from bullpen.errors import Misconfigured
from bullpen.nodes import compose, fault, line

__all__ = ["Document", "Step", "read"]

Step: TypeAlias = str | int

_ENDLESS: Final = "an anchor leads back to itself"
_NO_NAME: Final = "a list or a mapping cannot be a name"
_HOPELESS: Final = frozenset({_ENDLESS, _NO_NAME})


@dataclass(frozen=True, slots=True)
class Document:
    """One mapping read from a file, and the line of every value in it."""

    file: Path
    data: dict[str, Any]
    lines: Mapping[tuple[Step, ...], int]

    def at(self, *path: Step) -> str:
        """`file:line` of the value at `path`, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.file}:{self.lines[path]}"

    def problem(self, text: str, *path: Step) -> str:
        """One line for the operator: where, and what is wrong."""
        return f"{self.at(*path)}: {text}"

    def problems(self, error: ValidationError, *, fields: Iterable[str], under: tuple[Step, ...] = ()) -> list[str]:
        """Everything pydantic found below `under`, each with its line; `fields` are the names it would have known."""
        known = tuple(fields)
        told: dict[tuple[Step, ...], dict[str, None]] = {}
        for each in error.errors(include_url=False):
            path = (*under, *self._path(each, under))
            name = ".".join(map(str, (*under, *each["loc"]) if is_sentence(each) else path))
            text = in_words(each, name, fields=known)
            told.setdefault(path, {})[text if is_sentence(each) else f"`{name}`: {text}"] = None
        # A value that fits none of several kinds is one mistake.
        return [self.problem(_alternatives(texts), *path) for path, texts in told.items()]

    def _path(self, found: ErrorDetails, under: tuple[Step, ...]) -> tuple[Step, ...]:
        """Where in the document: pydantic also puts the names of a union's branches into its path."""
        path = found["loc"]
        while found["type"] != "missing" and path and (*under, *path) not in self.lines:
            path = path[:-1]
        return path


def read(file: Path) -> tuple[list[Document], list[str]]:
    """The documents of one file, and what is wrong with it as YAML."""
    try:
        nodes = compose(file)
    except Misconfigured as error:
        return [], list(error.problems)
    documents, problems = [], []
    for node in nodes:
        faults = list(_faults(node))
        problems += [f"{file}:{at}: {text}" for at, text in faults]
        if not any(text in _HOPELESS for _, text in faults):
            found, problem = _document(file, node)
            documents += found
            problems += problem
    return documents, problems


def _alternatives(texts: Iterable[str]) -> str:
    first, *others = texts
    return ", or ".join([first, *(each.partition(": ")[2] or each for each in others)])


def _document(file: Path, node: yaml.Node) -> tuple[list[Document], list[str]]:
    if not isinstance(node, yaml.MappingNode):
        return [], [f"{file}:{line(node)}: must be a mapping of names to values"]
    try:
        value = yaml.constructor.SafeConstructor().construct_document(node)
    except yaml.MarkedYAMLError as error:
        return [], [fault(file, error)]
    except (ValueError, TypeError, AttributeError) as error:
        # A value does not fit the tag in front of it.
        return [], [f"{file}:{line(node)}: has a value that is not what its tag says: {error}"]
    return [Document(file, {str(key): each for key, each in value.items()}, dict(_positions(node, (), set())))], []


def _positions(node: yaml.Node, path: tuple[Step, ...], seen: set[int]) -> Iterator[tuple[tuple[Step, ...], int]]:
    yield path, line(node)
    # What an alias repeats is not gone through again: aliases of aliases would be without end.
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*path, str(key.value))
            yield from _positions(value, inner, seen)
            # The key's line, not the value's: a block of text begins one line further down.
            yield inner, line(key)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _positions(item, (*path, index), seen)


def _faults(node: yaml.Node, around: tuple[int, ...] = (), seen: set[int] | None = None) -> Iterator[tuple[int, str]]:
    """Lines and what YAML itself would accept there in silence, at every depth."""
    seen = set() if seen is None else seen
    if id(node) in around:
        yield line(node), _ENDLESS
    if id(node) in seen or not isinstance(node, yaml.CollectionNode):
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        yield from _faulty_keys(node)
    for each in node.value:
        inner = each[1] if isinstance(each, tuple) else each
        yield from _faults(inner, (*around, id(node)), seen)


def _faulty_keys(node: yaml.MappingNode) -> Iterator[tuple[int, str]]:
    known: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            yield line(key), _NO_NAME
        elif key.value in known:
            yield line(key), f"`{key.value}` is given twice"
        else:
            known.add(key.value)
