"""One model of a guard's chain."""

from dataclasses import dataclass

from agno.models.base import Model

from bullpen.llm.ports import ModelName

__all__ = ["Link"]


@dataclass(frozen=True, slots=True)
class Link:
    """A model, with the name it is booked under."""

    name: ModelName
    model: Model
