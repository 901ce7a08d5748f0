"""An instance that fits a JSON Schema: enough of the language for tools and output schemas, and no more."""

from collections.abc import Mapping
from typing import Any

from bullpen.messages import Json

__all__ = ["fitting"]


def fitting(schema: Mapping[str, Any]) -> Json:
    """A value that fits `schema`, the same for the same schema."""
    return _value(schema, schema)


def _value(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Json:
    if "$ref" in schema:
        return _value(_resolve(schema["$ref"], root), root)
    if "const" in schema:
        return _json(schema["const"])
    if "enum" in schema:
        return _json(schema["enum"][0])
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return _value(schema[choice][0], root)
    return _of_type(schema, root)


def _resolve(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    found = root
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def _of_type(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Json:
    named = schema.get("type", "object" if "properties" in schema else "string")
    match named[0] if isinstance(named, list) else named:
        case "object":
            return {name: _value(part, root) for name, part in schema.get("properties", {}).items()}
        case "array":
            return [_value(schema.get("items", {}), root)] * max(1, schema.get("minItems", 1))
        case "integer" | "number":
            return _json(schema.get("minimum", schema.get("maximum", 1)))
        case "string":
            return _text(schema)
    return True if named == "boolean" else None


def _text(schema: Mapping[str, Any]) -> str:
    text = "2026-01-31T12:00:00Z" if schema.get("format") == "date-time" else "text"
    return text.ljust(schema.get("minLength", 0), "x")


def _json(value: Any) -> Json:
    """A schema's own value, which is JSON."""
    return value  # type: ignore[no-any-return]  # it came out of a JSON document
