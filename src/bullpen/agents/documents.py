"""YAML that remembers where everything stood, so that a mistake can be pointed at."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bullpen.agents.wording import in_words, is_sentence

__all__ = ["Document", "Step", "read"]

Step: TypeAlias = str | int

_LARGEST: Final = 1024 * 1024
_ENDLESS: Final = "an anchor leads back to itself"
_NO_NAME: Final = "a list or a mapping cannot be a name"
_HOPELESS: Final = frozenset({_ENDLESS, _NO_NAME})


class _Loader(yaml.SafeLoader):
    """Leaves dates as text: there is none in a catalogue, and JSON knows none."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in kinds if not tag.endswith(":timestamp")]
    for first, kinds in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


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
        text = _text(file)
        nodes = [node for node in yaml.compose_all(text, Loader=_Loader) if node is not None]
    except (OSError, UnicodeDecodeError) as error:
        return [], [f"{file}:1: cannot be read as text: {error}"]
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return [], [f"{file}:{line}: is not valid YAML: it holds U+{error.character:04X}, which is not allowed"]
    except yaml.MarkedYAMLError as error:
        return [], [_invalid(file, error)]
    except RecursionError:
        return [], [f"{file}:1: is nested too deeply"]
    documents, problems = [], []
    for node in nodes:
        faults = list(_faults(node))
        problems += [f"{file}:{line}: {text}" for line, text in faults]
        if not any(text in _HOPELESS for _, text in faults):
            found, problem = _document(file, node)
            documents += found
            problems += problem
    return documents, problems


def _alternatives(texts: Iterable[str]) -> str:
    first, *others = texts
    return ", or ".join([first, *(each.partition(": ")[2] or each for each in others)])


def _text(file: Path) -> str:
    if file.stat().st_size > _LARGEST:
        raise OSError(f"it is larger than {_LARGEST // 1024} KiB")
    return file.read_text("utf-8-sig")


def _invalid(file: Path, error: yaml.MarkedYAMLError) -> str:
    line = error.problem_mark.line + 1 if error.problem_mark else 1
    return f"{file}:{line}: is not valid YAML: {error.problem}"


def _document(file: Path, node: yaml.Node) -> tuple[list[Document], list[str]]:
    if not isinstance(node, yaml.MappingNode):
        return [], [f"{file}:{node.start_mark.line + 1}: must be a mapping of names to values"]
    try:
        value = yaml.constructor.SafeConstructor().construct_document(node)
    except yaml.MarkedYAMLError as error:
        return [], [_invalid(file, error)]
    except (ValueError, TypeError, AttributeError) as error:
        # A value does not fit the tag in front of it.
        return [], [f"{file}:{node.start_mark.line + 1}: has a value that is not what its tag says: {error}"]
    return [Document(file, {str(key): each for key, each in value.items()}, dict(_positions(node, (), set())))], []


def _positions(node: yaml.Node, path: tuple[Step, ...], seen: set[int]) -> Iterator[tuple[tuple[Step, ...], int]]:
    yield path, node.start_mark.line + 1
    # What an alias repeats is not gone through again: aliases of aliases would be without end.
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*path, str(key.value))
            yield from _positions(value, inner, seen)
            # The key's line, not the value's: a block of text begins one line further down.
            yield inner, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _positions(item, (*path, index), seen)


def _faults(node: yaml.Node, around: tuple[int, ...] = (), seen: set[int] | None = None) -> Iterator[tuple[int, str]]:
    """Lines and what YAML itself would accept there in silence, at every depth."""
    seen = set() if seen is None else seen
    if id(node) in around:
        yield node.start_mark.line + 1, _ENDLESS
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
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            yield line, _NO_NAME
        elif key.value in known:
            yield line, f"`{key.value}` is given twice"
        else:
            known.add(key.value)
