"""A value that fits a schema."""

from typing import Any

import pytest
from jsonschema_rs import validator_for
from pydantic import BaseModel, Field

from bullpen.llm.instance import fitting

NODE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "next": {"$ref": "#/$defs/node"},
                "all": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["name"],
        }
    },
    "$ref": "#/$defs/node",
}


class Analysis(BaseModel):
    summary: str = Field(min_length=20)
    confidence: float = Field(ge=0, le=1)
    points: list[str] = Field(min_length=3)
    parent: "Analysis | None" = None


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a", "b"]},
        {"type": "integer", "minimum": 3, "maximum": 4},
        {"type": "integer", "exclusiveMinimum": 3},
        {"type": "integer", "exclusiveMinimum": 3.5, "multipleOf": 4},
        {"type": "integer", "maximum": -5},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.2},
        {"type": "number", "minimum": 0.7, "maximum": 0.8},
        {"type": "number", "minimum": 1, "multipleOf": 0.5},
        {"type": "string", "minLength": 30, "maxLength": 31},
        {"type": "string", "maxLength": 2},
        {"enum": ["x", 1]},
        {"const": {"deep": [1]}},
        {"type": ["null", "string"]},
        {"type": ["null"]},
        {"type": "boolean"},
        {"type": "array", "minItems": 3, "items": {"type": "integer"}},
        {"type": "array", "maxItems": 0},
        {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False},
        {"prefixItems": [{"type": "integer"}], "minItems": 2},
        {"anyOf": [{"type": "integer", "minimum": 9}, {"type": "null"}]},
        {"oneOf": [{"type": "string", "format": "date"}]},
        {"allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"required": ["b"]}]},
        {"allOf": [{"$ref": "#/definitions/a"}], "definitions": {"a": {"type": "object", "required": ["z"]}}},
        {"definitions": {"a": {"type": "integer", "minimum": 2}}, "items": {"$ref": "#/definitions/a"}},
        {"$defs": {"a/b": {"const": 7}}, "$ref": "#/$defs/a~1b"},
        {"type": "object", "minProperties": 2, "additionalProperties": {"type": "integer"}},
        NODE,
        {},
        Analysis.model_json_schema(),
    ],
)
def test_the_value_fits(schema: dict[str, Any]) -> None:
    """A real validator agrees, whatever the schema asks for."""
    validator_for(schema).validate(fitting(schema))


@pytest.mark.parametrize("form", ["date", "date-time", "time", "email", "hostname", "ipv4", "ipv6", "uri", "uuid"])
def test_formats_are_kept(form: str) -> None:
    """A validator that checks formats agrees too."""
    validator_for({"format": form}, validate_formats=True).validate(fitting({"type": "string", "format": form}))


def test_a_schema_that_never_ends_gives_nothing() -> None:
    """No finite value fits; the answer is null and no endless loop."""
    endless = {"properties": {"me": {"$ref": "#"}}, "required": ["me"]}
    assert fitting(endless) is None
    assert fitting({"anyOf": [{"$ref": "#"}]}) is None
    assert fitting({"type": "array", "minItems": 1, "items": {"$ref": "#"}}) is None


def test_a_reference_to_nowhere_fits_anything() -> None:
    """A broken schema is for the validator to refuse, not for the model to crash on."""
    assert fitting({"$ref": "#/nowhere/at/all"}) == "offline"
    assert fitting({"items": True, "type": "array"}) == ["offline"]
