"""Structured fields, read as strictly as RFC 9651 asks: lists of strings with parameters, as ours are."""

import re
from typing import Final, TypeAlias

__all__ = ["parse_list"]

Parameters: TypeAlias = dict[str, int | str]

_STRING: Final = r'"(?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"'
_KEY: Final = r"[a-z*][a-z0-9_.*-]*"
_VALUE: Final = rf"-?[0-9]{{1,15}}|{_STRING}"
_PARAMETER: Final = re.compile(rf"; *(?P<key>{_KEY})=(?P<value>{_VALUE})")
_ITEM: Final = re.compile(rf"(?P<name>{_STRING})(?P<parameters>(?:; *{_KEY}=(?:{_VALUE}))*)")
_BETWEEN: Final = re.compile(r"[ \t]*,[ \t]*")


def parse_list(field: str) -> list[tuple[str, Parameters]]:
    """The items of a list (§4.2.1) and their parameters; raises `ValueError` on what is none."""
    found, at = [], 0
    while True:
        item = _ITEM.match(field, at)
        if item is None:
            raise ValueError(f"no item at {at}: {field}")
        found.append((item["name"][1:-1], _parameters(item["parameters"])))
        if item.end() == len(field):
            return found
        comma = _BETWEEN.match(field, item.end())
        if comma is None:
            raise ValueError(f"no comma at {item.end()}: {field}")
        at = comma.end()


def _parameters(text: str) -> Parameters:
    pairs = ((each["key"], each["value"]) for each in _PARAMETER.finditer(text))
    return {key: value[1:-1] if value.startswith('"') else int(value) for key, value in pairs}
