"""The tool call that a task asks for in so many words: how the offline model knows what to do without thinking.

`call <tool> with {json}` calls any tool; a sum such as `17 * 23` calls the calculator's function for it.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Sum", "Wish", "sum_in", "wish"]

_CALL: Final = re.compile(r"\bcall\s+`?([\w.\-]+)`?\s+with\s+(?=\{)", re.IGNORECASE)
_NUMBER: Final = r"(-?\d+(?:\.\d+)?)"
# A minus or a slash without room around it is more often a date, a range or a path than a sum.
_SUMS: Final = {
    "exponentiate": re.compile(rf"{_NUMBER}\s*(?:\*\*|\^|to the power of)\s*{_NUMBER}"),
    "multiply": re.compile(rf"{_NUMBER}(?:\s*[*\u00d7\u00b7]\s*|\s+(?:x|times|multiplied by)\s+){_NUMBER}"),
    "divide": re.compile(rf"{_NUMBER}(?:\s*\u00f7\s*|\s+(?:/|divided by)\s+){_NUMBER}"),
    "add": re.compile(rf"{_NUMBER}\s*(?:\+|plus)\s*{_NUMBER}"),
    "subtract": re.compile(rf"{_NUMBER}\s+(?:-|\u2212|minus)\s+{_NUMBER}"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A tool to call, and the JSON to call it with."""

    tool: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """A sum as the task writes it, such as `17 * 23`, and the calculator's word for what to do."""

    operation: str
    text: str
    numbers: tuple[str, ...]


def wish(task: str, tools: Sequence[Mapping[str, Any]]) -> Wish | None:
    """What `task` wishes of one of the `tools` (in OpenAI's form); None when it is nothing they can do."""
    offered = {tool["function"]["name"]: tool["function"] for tool in tools if tool.get("type") == "function"}
    return _explicit(task, offered) or _sum(task, offered)


def _explicit(task: str, offered: Mapping[str, Any]) -> Wish | None:
    call = _CALL.search(task)
    if call is None or call[1] not in offered:
        return None
    try:
        arguments, _ = json.JSONDecoder().raw_decode(task, call.end())
    except ValueError:
        return None
    return Wish(tool=call[1], arguments=json.dumps(arguments))


def sum_in(task: str) -> Sum | None:
    """The first kind of sum found in `task`."""
    return next(_sums(task), None)


def _sum(task: str, offered: Mapping[str, Any]) -> Wish | None:
    for found in _sums(task):
        if found.operation in offered:
            names = offered[found.operation].get("parameters", {}).get("properties", {})
            arguments = dict(zip(names, map(json.loads, found.numbers), strict=False))
            return Wish(tool=found.operation, arguments=json.dumps(arguments))
    return None


def _sums(task: str) -> Iterator[Sum]:
    for operation, words in _SUMS.items():
        found = words.search(task)
        if found:
            yield Sum(operation=operation, text=" ".join(found[0].split()), numbers=found.groups())
