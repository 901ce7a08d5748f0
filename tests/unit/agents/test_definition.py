"""An agent's fields and their defaults."""

import pytest
from pydantic import ValidationError

from bullpen.agents import AgentDefinition


def test_the_defaults_are_those_users_were_told() -> None:
    """Temperature 0.1, 2,048 tokens, 30 s a model call, 3 retries."""
    call = AgentDefinition(type="it").call
    assert (call.temperature, call.max_tokens, call.timeout, call.retries) == (0.1, 2048, 30.0, 3)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("type", "No-Slug"),
        ("retries", 11),
        ("retries", -1),
        ("temperature", 2.1),
        ("max_tokens", 0),
        ("timeout", 0),
        ("max_concurrent", 0),
        ("reasoning", "deep"),
        ("isolation", "process"),
        ("source", "module.without.attribute"),
        ("tools", "calculator"),
        ("temperature", True),
    ],
)
def test_what_is_out_of_bounds_is_refused(field: str, value: object) -> None:
    """A field is never bent into shape: what was written is what runs."""
    with pytest.raises(ValidationError):
        AgentDefinition.model_validate({"type": "it", field: value})
