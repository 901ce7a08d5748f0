"""Complaints in the words of somebody who writes YAML."""

import pytest
from pydantic import ValidationError

from bullpen.agents import AgentDefinition
from bullpen.agents.wording import in_words, is_sentence


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("tools", "calculator", "input should be a valid list"),
        ("version", 2, "input should be a valid string; put it in quotes"),
        ("instructions", ["a", "b"], "input should be a valid string"),
        ("model", None, "has no value: give it one, or leave the line out"),
        ("type", "My-Agent", "must be small letters, digits and `_`, a letter first, 64 at most"),
        ("source", "my_agents", "must be written `module:attribute`"),
        ("timeout", float("inf"), "input should be a finite number"),
        ("tols", [], "unknown field `tols`. Did you mean `tools`?"),
    ],
)
def test_what_is_wrong_is_said_without_pythons_words(field: str, value: object, expected: str) -> None:
    """No tuples, dictionaries or patterns, and a hint only where it helps."""
    with pytest.raises(ValidationError) as raised:
        AgentDefinition.model_validate({"type": "it", field: value})
    (found,) = raised.value.errors()
    assert in_words(found, field, fields=AgentDefinition.model_fields) == expected
    assert is_sentence(found) == (field == "tols")


def test_a_missing_field_is_named() -> None:
    """There is no line to point at but that of the document."""
    with pytest.raises(ValidationError) as raised:
        AgentDefinition.model_validate({})
    (found,) = raised.value.errors()
    assert in_words(found, "type", fields=()) == "`type` is missing"
