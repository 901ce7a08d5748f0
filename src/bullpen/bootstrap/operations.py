"""What looks after the load: scaling and self-tuning, as the settings say."""

from collections.abc import Callable
from contextlib import AsyncExitStack

from bullpen.bootstrap.crew import Crew
from bullpen.operations import Baselines, Instruments, Policy, Ranges, Scaler, Traffic, Tuner
from bullpen.settings import Settings
from bullpen.telemetry.usage import Meter

__all__ = ["look_after"]


def look_after(
    stack: AsyncExitStack, settings: Settings, works: Crew, *, traffic: Traffic, replicas: Callable[[], int]
) -> tuple[Scaler, Tuner]:
    """Begins to scale and to tune; both end before what they look after is closed."""
    instruments = Instruments(traffic=traffic, pool=works.pool, usage=Meter().read)
    tuner = _tuner(settings, works, instruments)
    tuner.start()
    stack.push_async_callback(tuner.aclose)
    scaler = Scaler(
        instruments=instruments,
        pool=works.pool,
        metrics=works.metrics,
        policy=_policy(settings),
        replicas=replicas,
        bound=tuner.bound,
        enabled=settings.scaling.enabled,
        every=settings.scaling.every,
    )
    scaler.start()
    stack.push_async_callback(scaler.aclose)
    return scaler, tuner


def _policy(settings: Settings) -> Policy:
    """Lanes start at `MAX_CONCURRENT_AGENTS`, and do not grow, unless something else is said."""
    scaling = settings.scaling
    start = scaling.start_lanes or min(
        settings.max_concurrent_agents, scaling.max_lanes or settings.max_concurrent_agents
    )
    return Policy(
        minimum=scaling.min,
        maximum=scaling.max,
        cpu_target=scaling.cpu_target,
        memory_target=scaling.memory_target,
        up_above=scaling.up_above,
        down_below=scaling.down_below,
        queue_above=scaling.queue_above,
        queue_below=scaling.queue_below,
        step_up=scaling.step_up,
        step_down=scaling.step_down,
        cooldown=scaling.cooldown,
        start_lanes=start,
        max_lanes=max(start, scaling.max_lanes or settings.max_concurrent_agents),
    )


def _tuner(settings: Settings, works: Crew, instruments: Instruments) -> Tuner:
    tuning, models = settings.tuning, works.models
    replaceable = [
        str(models.resolve(definition.model)) for definition in works.catalogue if definition.fallback_models
    ]
    return Tuner(
        instruments=instruments,
        pool=works.pool,
        metrics=works.metrics,
        preferences=models.preferences,
        models=lambda: replaceable,
        latency=works.safeguards.limits.latency,
        baselines=Baselines(
            response=tuning.response,
            memory_per_agent=tuning.memory_per_agent,
            cpu_per_request=tuning.cpu_per_request,
            requests_per_minute=tuning.requests_per_minute,
        ),
        ranges=Ranges(
            memory_high=tuning.memory_high,
            memory_low=tuning.memory_low,
            cpu_high=tuning.cpu_high,
            cpu_low=tuning.cpu_low,
            step=tuning.lane_step,
            least_lanes=tuning.least_lanes,
        ),
        enabled=tuning.enabled,
        every=tuning.every,
    )
