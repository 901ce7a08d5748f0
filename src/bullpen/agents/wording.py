"""What pydantic complains of, in the words of somebody who writes YAML."""

from collections.abc import Iterable
from typing import Any, Final

from pydantic_core import ErrorDetails

from bullpen.spelling import meant

__all__ = ["in_words", "is_sentence"]

_SENTENCES: Final = frozenset({"extra_forbidden", "missing"})
_YAML: Final = (
    ("tuple", "list"),
    ("dictionary or instance of ToolEntry", "mapping of names to values"),
    ("dictionary", "mapping of names to values"),
)


def is_sentence(found: ErrorDetails) -> bool:
    """Whether `in_words` names the field itself."""
    return found["type"] in _SENTENCES


def in_words(found: ErrorDetails, name: str, *, fields: Iterable[str]) -> str:
    """What is wrong with the field `name`; `fields` are those that would have been known."""
    if found["type"] == "extra_forbidden":
        return f"unknown field `{name}`. {meant(name.rpartition('.')[2], fields)}"
    if found["type"] == "missing":
        return f"`{name}` is missing"
    given: Any = found["input"]
    if given is None:
        return "has no value: give it one, or leave the line out"
    message = found["msg"].removeprefix("Value error, ")
    for pythons, yamls in _YAML:
        message = message.replace(pythons, yamls)
    # Only what YAML took for something else, such as a number, becomes a string by quotes.
    hint = "; put it in quotes" if found["type"] == "string_type" and not isinstance(given, list | dict) else ""
    return f"{message[:1].lower()}{message[1:]}{hint}"
