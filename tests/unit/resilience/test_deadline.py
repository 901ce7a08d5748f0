"""Deadlines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.errors import DeadlineExceeded
from bullpen.resilience import Deadline
from tests.stubs.clock import StillClock

SECONDS = st.floats(min_value=0, max_value=1_000_000)


def test_time_left_shrinks_and_stops_at_nothing() -> None:
    """What is left is never negative, so it can be used as a timeout."""
    clock = StillClock()
    deadline = Deadline.after(10, clock=clock)
    clock.pass_time(4)
    assert deadline.remaining() == 6
    clock.pass_time(7)
    assert deadline.remaining() == 0


def test_check_raises_once_the_time_is_up() -> None:
    """The very moment of the deadline is too late."""
    clock = StillClock()
    deadline = Deadline.after(10, clock=clock)
    clock.pass_time(9.5)
    deadline.check()
    clock.pass_time(0.5)
    with pytest.raises(DeadlineExceeded):
        deadline.check()


@given(first=SECONDS, second=SECONDS)
def test_a_deadline_is_only_ever_shortened(first: float, second: float) -> None:
    """Shortening never gives time back."""
    deadline = Deadline.after(first, clock=StillClock())
    shorter = deadline.shortened(second)
    assert shorter.at <= deadline.at
    assert shorter.remaining() <= max(0.0, second) + 1e-6


def test_without_a_clock_it_is_the_machines() -> None:
    """A deadline can be made without ceremony."""
    assert 0 < Deadline.after(60).remaining() <= 60
