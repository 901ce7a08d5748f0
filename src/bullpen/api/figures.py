"""What the operator is shown, for the OpenAPI document: health, lanes, breakers and scaling."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

__all__ = ["BreakersDocument", "HealthDocument", "PoolDocument", "ScalingDocument"]


class DependencyDocument(BaseModel):
    """How one dependency was found. `age` is in seconds, and null before the first look."""

    status: Literal["up", "failing", "down"]
    required: bool
    age: float | None
    latency_ms: float | None
    since: str
    failures: int
    error: str | None = None


class EventLoopDocument(BaseModel):
    """How late the event loop was in the last `window` seconds."""

    window: float
    lag_max_ms: float
    lag_p99_ms: float


class HealthDocument(BaseModel):
    """How the service is; of `/health/live`, the status alone."""

    status: Literal["ok", "degraded", "down"]
    ready: bool | None = None
    draining: bool | None = None
    dependencies: dict[str, DependencyDocument] | None = None
    event_loop: EventLoopDocument | None = None


class AgentTypeDocument(BaseModel):
    """The lanes of one agent type."""

    count: int
    active: int
    total_tasks: int
    waiting: int
    max_concurrent: int


class PoolDocument(BaseModel):
    """The pool's figures, of the worker that answers."""

    model_config = ConfigDict(extra="allow")

    total_agents: int
    max_pool_size: int
    pool_utilization: float
    agent_types: dict[str, AgentTypeDocument]
    total_agents_created: int
    total_tasks_processed: int
    avg_task_duration: float
    pool_hit_rate: float
    active: int
    waiting: int
    waiting_by_priority: dict[str, int]
    tenants_waiting: int
    longest_wait: float
    rate: float
    refused: dict[str, int]
    worker: int | None = None


class BreakerDocument(BaseModel):
    """One model's circuit breaker. Times are in seconds."""

    provider: str
    model: str
    state: Literal["closed", "half_open", "open"]
    failures: int
    calls: int
    opened_for: float | None
    retry_after: float | None
    successes: int
    shared: bool


class BreakersDocument(BaseModel):
    """Every model that was called through the worker that answers."""

    breakers: list[BreakerDocument]
    worker: int | None = None


class ScalingDocument(BaseModel):
    """The load as the process that answers sees it, and what was decided about it."""

    enabled: bool
    policy: dict[str, Any]
    signals: dict[str, Any]
    decisions: list[dict[str, Any]]
    tuning: dict[str, Any]
    worker: int | None = None
