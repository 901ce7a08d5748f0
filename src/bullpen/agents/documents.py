"""YAML that remembers where everything stood, so that a mistake can be pointed at."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bullpen.agents.spelling import meant

__all__ = ["Document", "Step", "read"]

Step: TypeAlias = str | int


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
        found = [
            self.problem(_in_words(each["type"], path, each["msg"], known), *under, *path)
            for each in error.errors(include_url=False)
            for path in [self._path(each, under)]
        ]
        return list(dict.fromkeys(found))

    def _path(self, found: ErrorDetails, under: tuple[Step, ...]) -> tuple[Step, ...]:
        """Where in the document: pydantic also puts the names of a union's branches into its path."""
        path = found["loc"]
        while found["type"] != "missing" and path and (*under, *path) not in self.lines:
            path = path[:-1]
        return path


def read(file: Path) -> tuple[list[Document], list[str]]:
    """The documents of one file, and what is wrong with it as YAML."""
    try:
        nodes = [node for node in yaml.compose_all(file.read_text("utf-8"), Loader=yaml.SafeLoader) if node is not None]
    except (OSError, UnicodeDecodeError) as error:
        return [], [f"{file}:1: cannot be read as text: {error}"]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return [], [f"{file}:{line}: is not valid YAML: {error.problem}"]
    documents, problems = [], []
    for node in nodes:
        if not isinstance(node, yaml.MappingNode):
            problems.append(f"{file}:{node.start_mark.line + 1}: must be a mapping of names to values")
            continue
        problems += [f"{file}:{line}: `{key}` is given twice" for key, line in _repeated(node)]
        documents.append(Document(file, _value(node), dict(_positions(node, ()))))
    return documents, problems


def _value(node: yaml.MappingNode) -> dict[str, Any]:
    constructed = yaml.constructor.SafeConstructor().construct_document(node)
    return {str(key): value for key, value in constructed.items()}


def _positions(node: yaml.Node, path: tuple[Step, ...]) -> Iterator[tuple[tuple[Step, ...], int]]:
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*path, str(key.value))
            yield from _positions(value, inner)
            # The key's line, not the value's: a block of text begins one line further down.
            yield inner, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _positions(item, (*path, index))


def _repeated(node: yaml.MappingNode) -> Iterator[tuple[str, int]]:
    seen: set[str] = set()
    for key, _ in node.value:
        if key.value in seen:
            yield key.value, key.start_mark.line + 1
        seen.add(key.value)


def _in_words(kind: str, loc: tuple[Step, ...], message: str, fields: Iterable[str]) -> str:
    name = ".".join(map(str, loc))
    if kind == "extra_forbidden":
        return f"unknown field `{name}`. {meant(str(loc[-1]), fields)}"
    if kind == "missing":
        return f"`{name}` is missing"
    hint = "; put it in quotes" if kind == "string_type" else ""
    return f"`{name}`: {message[:1].lower()}{message[1:]}{hint}" if name else message
