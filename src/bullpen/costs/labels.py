"""Model names as metric labels: those of the catalogue, and `other`."""

from collections.abc import Container
from typing import Final

from bullpen.llm.ports import ModelName

__all__ = ["OTHER", "label"]

OTHER: Final = ModelName("other", "other")


def label(model: ModelName, known: Container[ModelName]) -> ModelName:
    """`model` if it is one of the `known`, else `OTHER`: a name that a caller or a provider made up is no label."""
    return model if model in known else OTHER
