"""A schema in each provider's clothes."""

from typing import Any

import pytest
from agno.models.anthropic import Claude
from agno.models.openai import OpenAIChat
from pydantic import BaseModel

from bullpen.llm.formats import dressed, json_schema

SCHEMA = {"title": "My Result!", "type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}
OPENAI = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
CLAUDE = {"type": "json_schema", "schema": SCHEMA}


class Result(BaseModel):
    n: int


def test_a_plain_schema_is_dressed_for_openai() -> None:
    """Under a name OpenAI allows, and not strict, which would refuse most schemas."""
    worn = dressed(SCHEMA, OpenAIChat())
    assert worn == {
        "type": "json_schema",
        "json_schema": {"name": "My_Result_", "schema": SCHEMA, "strict": False},
    }


@pytest.mark.parametrize("schema", [SCHEMA, OPENAI])
def test_a_schema_is_dressed_for_claude(schema: dict[str, Any]) -> None:
    """Plain or in OpenAI's clothes; Anthropic's own helper takes out what its API refuses."""
    worn = dressed(schema, Claude())
    assert worn["type"] == "json_schema"
    assert worn["schema"]["additionalProperties"] is False
    assert "minimum" not in worn["schema"]["properties"]["n"]


@pytest.mark.parametrize("model", [OpenAIChat(), Claude()])
@pytest.mark.parametrize("given", [None, Result, {"type": "json_object"}, {"type": "text"}, CLAUDE])
def test_what_is_no_plain_schema_passes_untouched(given: Any, model: Any) -> None:
    """A class, another mode, and what somebody dressed already are Agno's and the provider's business."""
    assert dressed(given, model) is given


def test_openais_own_clothes_stay_on() -> None:
    """The operator's `strict` and name are kept."""
    assert dressed(OPENAI, OpenAIChat()) is OPENAI


@pytest.mark.parametrize(("given", "schema"), [(SCHEMA, SCHEMA), (OPENAI, SCHEMA), (CLAUDE, SCHEMA)])
def test_the_schema_is_found_in_any_clothes(given: dict[str, Any], schema: Any) -> None:
    """And where there is none, there is none."""
    assert json_schema(given) == schema
    assert json_schema({"type": "json_object"}) is None
