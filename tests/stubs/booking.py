"""In-memory ends of the model ports: where attempts are booked, what they cost, a budget that can say no."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agno.models.base import Model

from bullpen.errors import BullpenError
from bullpen.llm import CallSettings, GuardedModel, Models, Preferences, Safeguards
from bullpen.llm.metered import Meter
from bullpen.llm.ports import Attempt, ModelName
from bullpen.llm.run import ModelRun
from bullpen.resilience import AdaptiveLimits, Deadline, RetryBudgets
from bullpen.resilience.local import LocalBreakers
from bullpen.telemetry import Metrics

__all__ = ["FlatPrices", "KeptUsage", "Purse", "guard", "meter", "model_run", "models", "safeguards"]


@dataclass
class KeptUsage:
    """A `UsageSink` that keeps what it is given."""

    attempts: list[Attempt] = field(default_factory=list)

    failovers: list[tuple[str, str]] = field(default_factory=list)
    hedges: list[str] = field(default_factory=list)

    def record(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)

    def hedged(self, model: ModelName) -> None:
        self.hedges.append(str(model))

    def failed_over(self, model: ModelName, to: ModelName) -> None:
        self.failovers.append((str(model), str(to)))


class FlatPrices:
    """Prices of one micro-dollar for a token in, and two for one out."""

    def cost(self, model: ModelName, *, input_tokens: int, output_tokens: int) -> int:
        return input_tokens + 2 * output_tokens


@dataclass
class Purse:
    """A `Budget` that remembers; `refusal` is what it says to every reservation."""

    refusal: BullpenError | None = None
    reserved: list[int] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)

    async def reserve(
        self, *, tenant: str, user_id: str, model: ModelName, input_tokens: int, output_tokens: int
    ) -> str:
        if self.refusal is not None:
            raise self.refusal
        self.reserved.append(input_tokens + output_tokens)
        return f"reservation-{len(self.reserved)}"

    async def settle(self, reservation: str, *, cost: int) -> None:
        self.settled.append(cost)


def safeguards(**others: Any) -> Safeguards:
    """A process's own, with room and patience."""
    metrics = Metrics()
    given = {
        "breakers": LocalBreakers(metrics=metrics),
        "limits": AdaptiveLimits(metrics=metrics),
        "budgets": RetryBudgets(metrics=metrics),
    }
    return Safeguards(**{**given, **others})


def meter(*, usage: KeptUsage | None = None, budget: Purse | None = None, **others: Any) -> Meter:
    """A meter with in-memory ports."""
    given = {"prices": FlatPrices(), "safeguards": safeguards(), "preferences": Preferences()}
    return Meter(usage=usage or KeptUsage(), budget=budget or Purse(), **{**given, **others})


def models(
    *,
    usage: KeptUsage | None = None,
    budget: Purse | None = None,
    providers: Mapping[str, Callable[[str], Model]] | None = None,
    **others: Any,
) -> Models:
    """Models with in-memory ports."""
    return Models(
        prices=FlatPrices(),
        usage=usage or KeptUsage(),
        budget=budget or Purse(),
        providers=providers,
        **{"safeguards": safeguards(), **others},
    )


def guard(model: Model, *, usage: KeptUsage | None = None, budget: Purse | None = None, **call: Any) -> GuardedModel:
    """`model` behind a guard with in-memory ports; `call` are call settings, and nothing is tried twice unasked."""
    return models(usage=usage, budget=budget).guard(model, call=CallSettings(**{"retries": 0, **call}))


def model_run(*, seconds: float = 60, **others: Any) -> ModelRun:
    """A run of alice's in tenant acme, with so many seconds to go."""
    given = {
        "run_id": "run_1",
        "session_id": "ses_1",
        "tenant": "acme",
        "user_id": "alice",
        "agent_type": "general",
        "deadline": Deadline.after(seconds),
    }
    return ModelRun(**{**given, **others})
