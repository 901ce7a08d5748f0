"""How it is, beside how it should be."""

from typing import Any

from bullpen.operations.signals import Load
from bullpen.operations.tuning import Baselines
from bullpen.telemetry.usage import Usage

__all__ = ["measured"]


def measured(baselines: Baselines, *, load: Load, usage: Usage) -> dict[str, dict[str, Any]]:
    """Each baseline with what was measured, and whether that is met.

    Memory and processor are those of the whole process, shared out among the runs that go on; without any there is
    nothing to share, and nothing is missed. The rate says what was asked for as much as what can be done, so it counts
    as missed only while requests wait.
    """
    runs = load.pending - load.queue_length
    memory, cpu = (usage.process_memory / runs, usage.process_cpu_percent / runs) if runs else (None, None)
    return {
        "response": _at_most(baselines.response, load.mean_response),
        "memory_per_agent": _at_most(baselines.memory_per_agent, memory),
        "cpu_per_request": _at_most(baselines.cpu_per_request, cpu),
        "requests_per_minute": {
            "baseline": baselines.requests_per_minute,
            "measured": load.requests_per_minute,
            "met": load.requests_per_minute >= baselines.requests_per_minute or load.queue_length == 0,
        },
    }


def _at_most(baseline: float, found: float | None) -> dict[str, Any]:
    shown = None if found is None else round(found, 3)
    return {"baseline": baseline, "measured": shown, "met": found is None or found <= baseline}
