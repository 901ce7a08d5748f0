"""What one model charges, in a form that is priced in microseconds.

A dollar per million tokens is a micro-dollar per token, so tokens times a list price is already micro-dollars.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, Self, TypeAlias

__all__ = ["FREE", "Rate", "Steps", "Tariff"]

Steps: TypeAlias = tuple[tuple[int, Decimal], ...]
"""Prices by size of prompt, highest threshold first: `(above, price)`. The last is above -1, so one always applies."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Prices in force together: micro-dollars per token, and per call.

    Both directions step on the number of *input* tokens, and the step reached prices every token of the call, as
    providers with long-context prices do.
    """

    input: Steps
    output: Steps
    call: Decimal = Decimal(0)

    @classmethod
    def flat(cls, *, input_price: Decimal, output_price: Decimal) -> Self:
        """One price a direction, whatever the size of the prompt."""
        return cls(((-1, input_price),), ((-1, output_price),))

    def cost(self, *, input_tokens: int, output_tokens: int) -> int:
        """Micro-dollars for one call, rounded half up once. A negative count is nobody's income: it counts as 0."""
        prompt, answer = max(0, input_tokens), max(0, output_tokens)
        exact = prompt * _reached(self.input, prompt) + answer * _reached(self.output, prompt) + self.call
        return int(exact.to_integral_value(ROUND_HALF_UP))


@dataclass(frozen=True, slots=True)
class Tariff:
    """The rates of one model over time: by date, or by hour of the day.

    Attributes:
        standing: In force when no timed one is; None when the model has no price.
        timed: The first whose condition holds wins.
    """

    standing: Rate | None
    timed: tuple[tuple[Callable[[datetime], bool], Rate | None], ...] = ()

    def at(self, now: float) -> Rate | None:
        """The rate in force `now`, in seconds since 1970 UTC."""
        if not self.timed:
            return self.standing
        moment = datetime.fromtimestamp(now, UTC)
        return next((rate for active, rate in self.timed if active(moment)), self.standing)


FREE: Final = Tariff(Rate.flat(input_price=Decimal(0), output_price=Decimal(0)))


def _reached(steps: Steps, input_tokens: int) -> Decimal:
    return next(price for above, price in steps if input_tokens > above)
