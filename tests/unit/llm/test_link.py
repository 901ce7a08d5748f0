"""A model and its name."""

import dataclasses

import pytest

from bullpen.llm import ModelName
from bullpen.llm.link import Link
from tests.stubs.scripted import ScriptedModel


def test_a_link_does_not_change() -> None:
    """Guards share it."""
    link = Link(ModelName("x", "m"), ScriptedModel())
    with pytest.raises(dataclasses.FrozenInstanceError):
        link.name = ModelName("x", "other")  # type: ignore[misc] # that it cannot be is the test
