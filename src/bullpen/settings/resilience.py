"""Settings of what keeps a call bounded and a fault small."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from bullpen.settings.groups import Group
from bullpen.settings.kinds import Seconds

__all__ = ["AdaptiveSettings", "BreakerSettings", "RetrySettings"]


class AdaptiveSettings(Group):
    """How many calls at once a model is given by one process."""

    floor: Annotated[int, Field(ge=1)] = Field(default=4, description="Calls at once that are always allowed")
    start: Annotated[int, Field(ge=1)] = Field(default=256, description="Calls at once before anything is known")
    ceiling: Annotated[int, Field(ge=1)] = Field(default=1024, description="Calls at once that are never exceeded")
    tolerance: Annotated[float, Field(ge=1, le=100)] = Field(
        default=2, description="How many times its usual latency a model may take before that means anything"
    )
    rest_max: Seconds = Field(default=60, description="Longest rest a provider is granted, seconds")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.floor <= self.start <= self.ceiling:
            raise ValueError("FLOOR must not be above START, and START not above CEILING.")
        return self


class BreakerSettings(Group):
    """When a model that keeps failing is left alone."""

    failures: Annotated[int, Field(ge=1)] = Field(default=5, description="Fewest failures that open a circuit")
    ratio: Annotated[float, Field(gt=0, le=1)] = Field(default=0.5, description="Least part of calls that failed, too")
    window: Seconds = Field(default=30, description="How far back calls count, seconds")
    open_seconds: Seconds = Field(default=60, description="How long a model is left alone, seconds")
    successes: Annotated[int, Field(ge=1)] = Field(default=3, description="Probes that must go well to close it")
    probe_lease: Seconds = Field(
        default=60, description="When a probe that has not come back loses its place, seconds; longer than a model call"
    )


class RetrySettings(Group):
    """Retries of all calls of a model together; how one call is retried is its agent's to say."""

    budget: Annotated[float, Field(ge=0, le=1)] = Field(default=0.3, description="Retries for each call")
    reserve: Annotated[int, Field(ge=0, le=10_000)] = Field(
        default=10, description="Retries a model has before its first call"
    )
    kept: Annotated[int, Field(ge=1, le=10_000)] = Field(default=100, description="Unused retries kept at most")
