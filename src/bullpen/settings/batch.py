"""The group of tasks that are put to a model together."""

from typing import Annotated

from pydantic import Field

from bullpen.settings.groups import Group
from bullpen.settings.kinds import Seconds

__all__ = ["BatchSettings"]


class BatchSettings(Group):
    """Agents with `batch: prompt`."""

    size: Annotated[int, Field(ge=1, le=100)] = Field(default=10, description="Tasks in one prompt at most")
    wait: Annotated[Seconds, Field(le=60)] = Field(
        default=1, description="How long the first waits for others, seconds"
    )
