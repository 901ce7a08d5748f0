"""Results with a shape."""

from typing import Any

import pytest

from bullpen.agents import OutputSchema
from bullpen.agents.schemas import MarketAnalysis
from bullpen.errors import InvalidRequest, ResultMismatch
from bullpen.messages import Json
from tests.stubs.own import Verdict

SCHEMA: dict[str, Json] = {
    "type": "object",
    "required": ["verdict"],
    "properties": {"verdict": {"type": "string"}, "scores": {"type": "array", "items": {"type": "integer"}}},
    "additionalProperties": {"type": "string"},
}


@pytest.mark.parametrize(
    "content",
    [
        {"verdict": "yes", "confidence": 0.5},
        '{"verdict": "yes", "confidence": 0.5}',
        '```json\n{"verdict": "yes", "confidence": 0.5}\n```',
        Verdict(verdict="yes", confidence=0.5),
    ],
)
@pytest.mark.parametrize("schema", [OutputSchema.of_model(Verdict), OutputSchema.of_json_schema({"type": "object"})])
def test_a_result_is_plain_json_however_it_came(schema: OutputSchema, content: object) -> None:
    """Instance, mapping, text or fenced text: the answer is the same."""
    assert schema.check(content) == {"verdict": "yes", "confidence": 0.5}


def test_a_model_fills_in_its_defaults_and_dates_become_text() -> None:
    """What is handed out can be written as JSON as it stands."""
    fields = {"company_name": "A", "key_metrics": [], "risk_factors": [], "recommendation": "r", "confidence_score": 0}
    result: Any = OutputSchema.of_model(MarketAnalysis).check(fields | {"analysis_date": "2024-05-01T00:00:00Z"})
    assert result["analysis_date"] == "2024-05-01T00:00:00Z"
    assert result["market_cap"] is None


@pytest.mark.parametrize(
    ("content", "path"),
    [
        ({}, "`/` (required)"),
        ({"verdict": 3}, "`/verdict` (type)"),
        ({"verdict": "", "scores": [1, "s3cret"]}, "`/scores/1` (type)"),
        ({"verdict": "", "s3cret": 5}, "`/*` (type)"),
        ([], "`/` (type)"),
    ],
)
def test_a_mismatch_names_the_place_and_nothing_of_the_content(content: Json, path: str) -> None:
    """A name the model made up is content too."""
    with pytest.raises(ResultMismatch) as raised:
        OutputSchema.of_json_schema(SCHEMA).check(content)
    assert path in raised.value.detail
    assert "s3cret" not in raised.value.detail


def test_a_pydantic_mismatch_is_told_the_same_way() -> None:
    """Pydantic's own text would repeat the value."""
    with pytest.raises(ResultMismatch) as raised:
        OutputSchema.of_model(Verdict).check({"verdict": "s3cret", "confidence": "s3cret"})
    assert "`/confidence` (float_parsing)" in raised.value.detail
    assert "s3cret" not in raised.value.detail


@pytest.mark.parametrize("content", ["no json", "", "```json\n{\n```", 1 << 70, object(), '{"a": NaN}'])
def test_what_is_no_json_is_a_mismatch(content: object) -> None:
    """Never a string that looks like success."""
    with pytest.raises(ResultMismatch):
        OutputSchema.of_json_schema({}).check(content)


def _nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"not": schema}
    return schema


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"type": "nope"}, "output_schema.type"),
        ({"properties": {"a": {"minimum": "x"}}}, "output_schema.properties.a.minimum"),
        ({"$ref": "http://127.0.0.1:9/schema"}, "output_schema"),
        ({"$ref": "file:///etc/hostname"}, "output_schema"),
        ({"$ref": "#/$defs/missing"}, "output_schema"),
        ({"pattern": "(a)\\1"}, "output_schema"),
        ({"description": "x" * 70_000}, "output_schema"),
        (_nested(40), "output_schema"),
        ({"const": {1, 2}}, "output_schema"),
    ],
)
def test_a_schema_bullpen_cannot_use_is_refused_with_its_path(schema: Any, path: str) -> None:
    """No reference leaves the schema, no pattern can run away, and size and depth are bounded."""
    with pytest.raises(InvalidRequest) as raised:
        OutputSchema.of_json_schema(schema)
    assert [field.path.startswith(path) for field in raised.value.fields] == [True]


def test_a_pattern_is_matched_in_linear_time() -> None:
    """The classic that takes a backtracking engine longer than the universe has lasted."""
    with pytest.raises(ResultMismatch):
        OutputSchema.of_json_schema({"pattern": "^(a+)+$"}).check('"' + "a" * 5000 + 'b"')


def test_what_agno_is_told_is_the_model_or_the_schema() -> None:
    """The guard dresses a schema for each provider; here it stays plain."""
    assert OutputSchema.of_model(Verdict).for_agno() is Verdict
    assert OutputSchema.of_json_schema(SCHEMA).for_agno() == SCHEMA
