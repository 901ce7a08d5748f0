"""The group of health: how often what this replica leans on is looked at."""

from typing import Annotated

from pydantic import Field

from bullpen.settings.groups import Group
from bullpen.settings.kinds import Seconds

__all__ = ["HealthSettings"]


class HealthSettings(Group):
    """Health."""

    every: Seconds = Field(default=30, description="Time between two looks at a dependency, seconds")
    failures: Annotated[int, Field(ge=1, le=100)] = Field(
        default=3, description="Looks that must fail in a row before a dependency is down"
    )
    probe_models: bool = Field(default=True, description="Whether model providers are asked for their list of models")
    stall_seconds: Seconds = Field(default=1, description="Silence of the event loop that is logged, seconds")
