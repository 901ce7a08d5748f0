"""Retry budgets."""

import random
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.resilience import RetryBudgets
from bullpen.telemetry import Metrics

METRICS = Metrics()
NAME = "openai:gpt-4o"
CALLS = 5_000
RETRIES = 3


@given(
    steps=st.lists(st.booleans(), max_size=300),
    ratio=st.sampled_from([0.0, 0.1, 0.3, 0.7, 1.0]),
    reserve=st.integers(0, 20),
    kept=st.integers(1, 50),
)
def test_there_are_never_more_retries_than_the_share_and_the_reserve(
    steps: list[bool], ratio: float, reserve: int, kept: int
) -> None:
    """Over any sequence of calls and wishes, and exactly: sums of tenths do not add up to more."""
    budgets = RetryBudgets(metrics=METRICS, ratio=ratio, reserve=reserve, kept=kept)
    calls = retries = 0
    for is_call in steps:
        if is_call:
            budgets.call(NAME)
            calls += 1
        else:
            retries += budgets.take(NAME)
        assert retries <= round(ratio * 10) * calls / 10 + reserve


def test_the_reserve_is_there_before_the_first_call() -> None:
    """A failure right after the start is no storm."""
    budgets = RetryBudgets(metrics=METRICS, reserve=2)
    assert [budgets.take(NAME) for _ in range(3)] == [True, True, False]


def test_a_long_good_time_does_not_pay_for_a_storm() -> None:
    """What was not used is kept up to a bound."""
    budgets = RetryBudgets(metrics=METRICS, kept=50)
    for _ in range(10_000):
        budgets.call(NAME)
    assert sum(budgets.take(NAME) for _ in range(1000)) == 50


def test_a_call_takes_nothing_from_the_reserve() -> None:
    """Though it is more than what would be kept."""
    budgets = RetryBudgets(metrics=METRICS, reserve=5, kept=1)
    budgets.call(NAME)
    assert sum(budgets.take(NAME) for _ in range(10)) == 5


def test_each_model_has_a_budget_of_its_own() -> None:
    """One that is down does not use up another's."""
    budgets = RetryBudgets(metrics=METRICS, reserve=1)
    assert budgets.take(NAME)
    assert not budgets.take(NAME)
    assert budgets.take("anthropic:claude-opus-5-5")


def test_a_budget_that_is_used_up_shows() -> None:
    """It is counted, for whoever looks why calls fail that might have been saved."""
    metrics = Metrics()
    budgets = RetryBudgets(metrics=metrics, reserve=0)
    budgets.take(NAME)
    labels = {"provider": "openai", "model": "gpt-4o"}
    assert metrics.registry.get_sample_value("bullpen_retry_budget_exhausted_total", labels) == 1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("at_once", [1, 200])
def test_one_failure_in_five_is_within_the_budget(seed: int, at_once: int) -> None:
    """99.5 % of the calls are answered, with 1.3 attempts each at most; and chance does not use the budget up."""
    answered, attempts = outage(random.Random(seed), failing=0.2, at_once=at_once)
    assert answered / CALLS >= 0.995
    assert attempts / CALLS <= 1.3


@pytest.mark.parametrize("at_once", [1, 200])
def test_a_dead_model_gets_a_share_more_and_no_storm(at_once: int) -> None:
    """Where every call would be made four times, it is made 1.3 times."""
    answered, attempts = outage(random.Random(0), failing=1.0, at_once=at_once)
    assert answered == 0
    assert attempts <= 1.3 * CALLS + 10


def outage(chance: random.Random, *, failing: float, at_once: int) -> tuple[int, int]:
    """So many calls, `at_once` of them under way, and what becomes of them: calls answered, and attempts made."""
    budgets = RetryBudgets(metrics=METRICS)
    under_way: deque[int] = deque()
    begun = answered = attempts = 0
    while begun < CALLS or under_way:
        while begun < CALLS and len(under_way) < at_once:
            budgets.call(NAME)
            begun += 1
            under_way.append(0)
        retries = under_way.popleft()
        attempts += 1
        if chance.random() >= failing:
            answered += 1
        elif retries < RETRIES and budgets.take(NAME):
            under_way.append(retries + 1)
    return answered, attempts
