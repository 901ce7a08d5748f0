"""What keeps a call bounded and a fault small: deadline, breaker, adaptive limit, retry."""

from bullpen.resilience.adaptive import AdaptiveLimits
from bullpen.resilience.breaker import BreakerPolicy
from bullpen.resilience.budget import RetryBudgets
from bullpen.resilience.deadline import Deadline
from bullpen.resilience.ports import Breakers, Outcome, Passage
from bullpen.resilience.retry import Pauses, RetryPolicy
from bullpen.resilience.slots import Slot

__all__ = [
    "AdaptiveLimits",
    "BreakerPolicy",
    "Breakers",
    "Deadline",
    "Outcome",
    "Passage",
    "Pauses",
    "RetryBudgets",
    "RetryPolicy",
    "Slot",
]
