"""Model names as labels."""

from bullpen.costs.labels import OTHER, label
from bullpen.llm.ports import ModelName


def test_only_known_models_are_labels() -> None:
    """A name that somebody made up is counted, under one name for all of them; known ones may grow."""
    known: set[ModelName] = set()
    model = ModelName("openai", "gpt-4o")
    assert label(model, known) == OTHER
    known.add(model)
    assert label(model, known) == model
