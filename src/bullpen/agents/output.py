"""Results that have a shape: what the model is told, and what is checked afterwards.

Agno reports a result that does not parse as completed, with a string for content (trap T14). Nothing is taken for a
result here before it was checked.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
from jsonschema_rs import Draft202012Validator, RegexOptions
from jsonschema_rs import ValidationError as SchemaError
from pydantic import BaseModel, ValidationError

from bullpen.errors import FieldError, InvalidRequest, ResultMismatch
from bullpen.messages import Json

__all__ = ["OutputSchema", "plain"]

# The field of a request or a definition that a schema comes in.
_FIELD: Final = "output_schema"
_MAX_BYTES: Final = 64 * 1024
_MAX_DEPTH: Final = 32
_SHOWN: Final = 3
_HELD: Final = "results"
# Where `$ref` looks for them.
_AT_THE_ROOT: Final = frozenset({"$defs", "definitions", "$schema", "$id", "title"})


class OutputSchema:
    """The shape a result must have."""

    def __init__(self, *, agno: type[BaseModel] | dict[str, Any], schema: Mapping[str, Any], checked: "_Check") -> None:
        """`checked` returns what is fit to hand out, or raises `_Violations`."""
        self._agno = agno
        self._checked = checked
        self._names = frozenset(_property_names(schema))
        self.json_schema = schema

    @classmethod
    def of_model(cls, model: type[BaseModel]) -> "OutputSchema":
        """The shape of a pydantic model; defaults of the model are filled in."""

        def checked(content: Json) -> Json:
            try:
                # Through JSON, where a string may stand for a date as it may in an answer.
                return _dumped(model.model_validate_json(orjson.dumps(content)))
            except ValidationError as error:
                found = error.errors(include_url=False, include_context=False, include_input=False)
                raise _Violations([(each["loc"], each["type"]) for each in found]) from None

        return cls(agno=model, schema=model.model_json_schema(), checked=checked)

    @classmethod
    def of_json_schema(cls, schema: Mapping[str, Json]) -> "OutputSchema":
        """The shape a JSON Schema (2020-12) describes.

        Patterns are matched in linear time and a `$ref` may only point inside the schema. At most 64 KiB and 32
        levels.

        Raises:
            InvalidRequest: It is not such a schema; `fields` are paths below `output_schema`.
        """
        document = _bounded(schema)
        try:
            validator = Draft202012Validator(
                document, offline=True, validate_formats=True, pattern_options=RegexOptions(size_limit=1 << 20)
            )
        except SchemaError as error:
            path = ".".join([_FIELD, *map(str, error.instance_path)])
            raise _invalid(path, error.message[:200]) from None

        def checked(content: Json) -> Json:
            violations = [(each.instance_path, each.kind.name) for each in validator.iter_errors(content)]
            if violations:
                raise _Violations(violations)
            return content

        return cls(
            agno=_as_object(document), schema=document, checked=lambda content: checked(_inside(content, document))
        )

    @property
    def is_list(self) -> bool:
        """Whether the result is a list."""
        return self.json_schema.get("type") == "array"

    def for_agno(self) -> type[BaseModel] | dict[str, Any]:
        """What Agno takes as `output_schema`: the pydantic model, or the JSON Schema, which the guard dresses."""
        return self._agno

    def check(self, content: object) -> Json:
        """`content` as plain JSON, if it matches.

        `content` may be a pydantic instance, plain data, or text holding JSON, fenced or not.

        Raises:
            ResultMismatch: It does not match. The text names paths of the schema, and nothing of the content.
        """
        try:
            data = _parsed(content) if isinstance(content, str) else plain(content)
        except (TypeError, ValueError):
            raise ResultMismatch("The agent's result is not JSON, but it has an output schema. Try again.") from None
        try:
            return self._checked(data)
        except _Violations as violations:
            shown = ", ".join(f"`{self._path(path)}` ({rule})" for path, rule in violations.found[:_SHOWN])
            text = f"The agent's result does not match its output schema at {shown}. Try again."
            raise ResultMismatch(text) from None

    def _path(self, path: Iterable[str | int]) -> str:
        """A path of names the schema knows: other names were made up by the model and may say anything."""
        return "/" + "/".join(str(step) if isinstance(step, int) or step in self._names else "*" for step in path)


def plain(content: object) -> Json:
    """Plain JSON of what an agent returned; raises TypeError for what has no JSON form."""
    return _dumped(content) if isinstance(content, BaseModel) else orjson.loads(orjson.dumps(content, default=_dumped))


_Check = Callable[[Json], Json]


def _as_object(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema of an object, as providers want at the root: one that holds the result, if that is a list."""
    if schema.get("type") != "array":
        return schema
    inner = {name: value for name, value in schema.items() if name not in _AT_THE_ROOT}
    above = {name: value for name, value in schema.items() if name in _AT_THE_ROOT}
    held = {"type": "object", "properties": {_HELD: inner}, "required": [_HELD], "additionalProperties": False}
    return {**above, **held}


def _inside(content: Json, schema: Mapping[str, Any]) -> Json:
    """What the object holds; a model may also have left it out."""
    if schema.get("type") == "array" and isinstance(content, dict) and content.keys() == {_HELD}:
        return content[_HELD]
    return content


class _Violations(Exception):
    def __init__(self, found: Sequence[tuple[Iterable[str | int], str]]) -> None:
        super().__init__()
        self.found = found


def _dumped(content: object) -> Json:
    if not isinstance(content, BaseModel):
        raise TypeError
    dumped: Json = content.model_dump(mode="json")
    return dumped


def _parsed(text: str) -> Json:
    text = text.strip()
    if text.startswith("```"):
        text = text.partition("\n")[2].removesuffix("```")
    parsed: Json = orjson.loads(text)
    return parsed


def _bounded(schema: Mapping[str, Json]) -> dict[str, Any]:
    """A copy of `schema`, if it is of a size and depth a caller may ask for."""
    if _too_deep(schema, _MAX_DEPTH):
        raise _invalid(_FIELD, f"must not be deeper than {_MAX_DEPTH} levels")
    try:
        encoded = orjson.dumps(dict(schema))
    except TypeError:
        raise _invalid(_FIELD, "must be plain JSON") from None
    if len(encoded) > _MAX_BYTES:
        raise _invalid(_FIELD, f"must not be larger than {_MAX_BYTES // 1024} KiB")
    copy: dict[str, Any] = orjson.loads(encoded)
    return copy


def _too_deep(value: object, levels: int) -> bool:
    if levels < 0:
        return True
    inner: Iterable[object] = ()
    if isinstance(value, Mapping):
        inner = value.values()
    elif isinstance(value, list | tuple):
        inner = value
    return any(_too_deep(each, levels - 1) for each in inner)


def _property_names(schema: object) -> Iterator[str]:
    if isinstance(schema, Mapping):
        properties = schema.get("properties")
        yield from properties if isinstance(properties, Mapping) else ()
        for value in schema.values():
            yield from _property_names(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from _property_names(item)


def _invalid(path: str, message: str) -> InvalidRequest:
    return InvalidRequest("The output schema is not one Bullpen can use.", fields=[FieldError(path, message)])
