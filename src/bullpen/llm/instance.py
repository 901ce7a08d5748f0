"""Some value that fits a JSON Schema: what the offline model answers when it is asked for an object.

Understands types, `const`, `enum`, bounds, lengths, `required`, tuples, `$ref`, the combinators (the first branch that
ends) and the common formats. It does not invent text for a `pattern`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from bullpen.messages import Json

__all__ = ["fitting"]

_WORD: Final = "offline"
_FORMATS: Final = {
    "date": "2000-01-01",
    "date-time": "2000-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "PT1S",
    "email": "offline@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


class _Endless(Exception):
    """The schema leads back to itself here."""


def fitting(schema: Mapping[str, Any]) -> Json:
    """A value that fits `schema`; None when the schema leads back to itself on every path."""
    try:
        return _Maker(schema).make(schema, within=())
    except _Endless:
        return None


class _Maker:
    """Makes values for the parts of one schema, whose root holds the definitions."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._by_type: dict[str, Callable[[Mapping[str, Any], tuple[str, ...]], Json]] = {
            "object": self._object,
            "array": self._array,
            "string": lambda schema, _: _string(schema),
            "integer": lambda schema, _: math.ceil(_number(schema, step=1)),
            "number": lambda schema, _: _number(schema, step=0.5),
            "boolean": lambda *_: True,
            "null": lambda *_: None,
        }

    def make(self, schema: Any, *, within: tuple[str, ...]) -> Json:
        """`within` are the references being followed."""
        if not isinstance(schema, Mapping):
            return _WORD
        if "$ref" in schema:
            return self._reference(schema, within)
        if "const" in schema or schema.get("enum"):
            constant: Json = schema["const"] if "const" in schema else schema["enum"][0]
            return constant
        if "allOf" in schema:
            return self.make(self._merged(schema), within=within)
        branches = schema.get("anyOf") or schema.get("oneOf")
        if branches:
            return self._first(schema, branches, within)
        return self._by_type[_type(schema)](schema, within)

    def _reference(self, schema: Mapping[str, Any], within: tuple[str, ...]) -> Json:
        reference = schema["$ref"]
        if reference in within:
            raise _Endless
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return self.make({**self._target(reference), **beside}, within=(*within, reference))

    def _target(self, reference: str) -> Mapping[str, Any]:
        """A JSON Pointer into the same document, RFC 6901; anything else fits any value."""
        part: Any = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            part = part.get(name, {}) if isinstance(part, Mapping) else {}
        return part if isinstance(part, Mapping) else {}

    def _merged(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        merged = {key: value for key, value in schema.items() if key != "allOf"}
        for part in schema["allOf"]:
            resolved = self._target(part["$ref"]) if "$ref" in part else part
            both = {**merged.get("properties", {}), **resolved.get("properties", {})}
            required = [*merged.get("required", ()), *resolved.get("required", ())]
            merged = {**merged, **resolved, "properties": both, "required": required}
        return merged

    def _first(self, schema: Mapping[str, Any], branches: Sequence[Any], within: tuple[str, ...]) -> Json:
        beside = {key: value for key, value in schema.items() if key not in {"anyOf", "oneOf"}}
        for branch in branches:
            with suppress(_Endless):
                return self.make({**beside, **branch}, within=within)
        raise _Endless

    def _object(self, schema: Mapping[str, Any], within: tuple[str, ...]) -> Json:
        properties: Mapping[str, Any] = schema.get("properties", {})
        required = set(schema.get("required", ()))
        made: dict[str, Json] = {}
        for name in dict.fromkeys((*properties, *schema.get("required", ()))):
            try:
                made[name] = self.make(properties.get(name, {}), within=within)
            except _Endless:
                if name in required:
                    raise
        others = schema.get("additionalProperties", {})
        for number in range(schema.get("minProperties", 0) - len(made)):
            made[f"{_WORD}{number}"] = self.make(others, within=within)
        return made

    def _array(self, schema: Mapping[str, Any], within: tuple[str, ...]) -> Json:
        made = [self.make(part, within=within) for part in schema.get("prefixItems", ())]
        least, most = schema.get("minItems", 0), schema.get("maxItems", math.inf)
        if schema.get("items") is False:
            return made
        try:
            while len(made) < max(least, min(1, most)):
                made.append(self.make(schema.get("items", {}), within=within))
        except _Endless:
            if len(made) < least:
                raise
        return made


def _type(schema: Mapping[str, Any]) -> str:
    named = schema.get("type")
    if isinstance(named, list):
        named = next((one for one in named if one != "null"), "null")
    if isinstance(named, str):
        return named
    if "properties" in schema or "required" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else "string"


def _string(schema: Mapping[str, Any]) -> str:
    text = _FORMATS.get(schema.get("format", ""), _WORD)
    longest = schema.get("maxLength", max(len(text), schema.get("minLength", 0)))
    return text.ljust(schema.get("minLength", 0), ".")[:longest]


def _number(schema: Mapping[str, Any], *, step: float) -> float:
    """The least that is allowed, and 0 where nothing says."""
    least = schema.get("minimum", -math.inf)
    above = schema.get("exclusiveMinimum", -math.inf)
    most = min(schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf) - step)
    value = max(least, above + step)
    if value == -math.inf:
        value = min(0, most)
    if value > most:
        # An open interval narrower than the step: its middle.
        value = (max(least, above) + most + step) / 2
    unit: float | None = schema.get("multipleOf")
    rounded: float = math.ceil(value / unit) * unit if unit else value
    return rounded
