"""The result format a provider is asked for, in the provider's own clothes.

An agent's output schema is a plain JSON Schema. OpenAI's wire wraps it one way, Anthropic's another, and Agno hands on
whatever dict it is given. A pydantic class Agno dresses itself; it passes untouched, as does a dict dressed already.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from agno.models.base import Model

__all__ = ["dressed", "json_schema"]

_DRESSED: Final = frozenset({"json_schema", "json_object", "text"})


def dressed(response_format: Any, model: Model) -> Any:
    """`response_format` as `model`'s provider wants it."""
    if not isinstance(response_format, dict):
        return response_format
    schema = json_schema(response_format)
    if schema is None or "schema" in response_format:
        return response_format
    if _is_claude(model):
        return {"type": "json_schema", "schema": _for_claude(schema)}
    if "json_schema" in response_format:
        return response_format
    # Not strict: OpenAI's strict mode refuses most of JSON Schema, and the result is checked against all of it anyway.
    return {"type": "json_schema", "json_schema": {"name": _name(schema), "schema": schema, "strict": False}}


def json_schema(response_format: Mapping[str, Any]) -> dict[str, Any] | None:
    """The plain JSON Schema inside a dict, dressed or not; None when it holds none."""
    inside = response_format.get("json_schema", response_format)
    schema = inside.get("schema") if isinstance(inside, Mapping) else None
    if isinstance(schema, Mapping):
        return dict(schema)
    return None if response_format.get("type") in _DRESSED else dict(response_format)


def _is_claude(model: Model) -> bool:
    """Also on Bedrock, Vertex and Azure, whose classes derive from it; by name, so as not to import the SDK."""
    return any(kind.__name__ == "Claude" for kind in type(model).__mro__)


def _for_claude(schema: dict[str, Any]) -> dict[str, Any]:
    # Whoever has a Claude has the SDK loaded; nobody else shall pay the second it takes.
    transformed: dict[str, Any] = import_module("anthropic").transform_schema(schema)
    return transformed


def _name(schema: Mapping[str, Any]) -> str:
    """OpenAI allows letters, digits, `_` and `-`, 64 of them."""
    title = str(schema.get("title") or "result")
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in title)[:64]
