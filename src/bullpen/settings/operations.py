"""The groups of what the service does about load by itself: scaling and self-tuning."""

from typing import Annotated, Self, TypeAlias

from pydantic import Field, model_validator

from bullpen.settings.groups import Group
from bullpen.settings.kinds import Bytes, Seconds

__all__ = ["ScalingSettings", "TuningSettings"]

Count: TypeAlias = Annotated[int, Field(ge=1, le=100_000)]
Percent: TypeAlias = Annotated[float, Field(gt=0, le=100)]
Waiting: TypeAlias = Annotated[int, Field(ge=0)]


class ScalingSettings(Group):
    """Scaling of lanes, and of replicas by the cluster."""

    enabled: bool = Field(default=True, description="Whether anything is decided; the load is exported either way")
    every: Seconds = Field(default=30, description="Time between two looks, seconds")
    min: Count = Field(default=2, description="The fewest replicas, and the fewest lanes it shrinks to")
    max: Count = Field(default=20, description="The most replicas")
    cpu_target: Percent = Field(default=70, description="Processor use to aim at, percent")
    memory_target: Percent = Field(default=80, description="Memory use to aim at, percent")
    up_above: Percent = Field(default=85, description="Processor or memory use above which more is needed, percent")
    down_below: Percent = Field(default=30, description="Processor and memory use below which less may do, percent")
    queue_above: Waiting = Field(default=10, description="Requests waiting above which more is needed")
    queue_below: Waiting = Field(default=2, description="Requests waiting below which less may do")
    step_up: Count = Field(default=2, description="Replicas or lanes more at once")
    step_down: Count = Field(default=1, description="Replicas or lanes less at once")
    cooldown: Seconds = Field(default=300, description="Time between two changes of replicas, or of lanes, seconds")
    start_lanes: Count | None = Field(default=None, description="Lanes at the start; unset is `MAX_CONCURRENT_AGENTS`")
    max_lanes: Count | None = Field(default=None, description="The most lanes; unset is `MAX_CONCURRENT_AGENTS`")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min > self.max:
            raise ValueError("MIN is more than MAX. Set the fewest replicas below the most.")
        if self.down_below >= self.up_above:
            raise ValueError("DOWN_BELOW must be less than UP_ABOVE, or the same load would ask for both.")
        if self.queue_below > self.queue_above:
            raise ValueError("QUEUE_BELOW must not be more than QUEUE_ABOVE, or the same queue would ask for both.")
        if self.start_lanes and self.max_lanes and self.start_lanes > self.max_lanes:
            raise ValueError("START_LANES is more than MAX_LANES. Start with at most as many as there may be.")
        return self


class TuningSettings(Group):
    """Self-tuning."""

    enabled: bool = Field(default=True, description="Whether anything is done")
    every: Seconds = Field(default=60, description="Time between two looks, seconds")
    response: Seconds = Field(default=15, description="Baseline: seconds a model or a run takes")
    memory_per_agent: Bytes = Field(default=50 * 1024 * 1024, description="Baseline: bytes for each run that goes on")
    cpu_per_request: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=10, description="Baseline: percent of a core for each run that goes on"
    )
    requests_per_minute: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=100, description="Baseline: runs ended in a minute"
    )
    memory_high: Percent = Field(default=85, description="Memory use above which caches are shrunk, percent")
    memory_low: Percent = Field(default=75, description="Memory use below which they are restored, percent")
    cpu_high: Percent = Field(default=90, description="Processor use above which fewer runs go on at once, percent")
    cpu_low: Percent = Field(default=70, description="Processor use below which more do again, percent")
    lane_step: Annotated[float, Field(gt=0, le=0.5)] = Field(
        default=0.2, description="Share of the lanes taken away at once"
    )
    least_lanes: Count = Field(default=2, description="Lanes that are always left")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.memory_low >= self.memory_high:
            raise ValueError("MEMORY_LOW must be less than MEMORY_HIGH, or caches would shrink and grow in turn.")
        if self.cpu_low >= self.cpu_high:
            raise ValueError("CPU_LOW must be less than CPU_HIGH, or lanes would come and go in turn.")
        return self
