"""What the pool keeps for one agent type."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.errors import DeadlineExceeded
from bullpen.pool.agents import Closing
from bullpen.pool.bay import Bay
from bullpen.resilience import Deadline
from tests.stubs.workshop import Workshop


@given(st.lists(st.integers(0, 10)))
def test_a_lane_gets_the_lowest_number_that_is_free(steps: list[int]) -> None:
    """For any order of returning: 0 takes a number, another gives one of those out back."""
    bay = Bay(Workshop().kind(), limit=lambda: 20, closing=Closing())
    out: list[int] = []
    for step in steps:
        if step and out:
            bay.give_number(out.pop(step % len(out)))
        else:
            lowest = next(number for number in range(len(out) + 1) if number not in out)
            out.append(bay.take_number())
            assert out[-1] == lowest


async def test_building_ends_with_the_deadline() -> None:
    """A server that hangs while an agent connects to it cannot hold a lane for ever."""
    workshop = Workshop()
    workshop.gate.clear()
    bay = Bay(workshop.kind(shared=False), limit=lambda: 1, closing=Closing())
    with pytest.raises(DeadlineExceeded):
        await bay.build("t", deadline=Deadline.after(0.01))
    assert bay.agents.count == 0


async def test_a_timeout_of_the_building_itself_is_not_the_deadline() -> None:
    """It is passed on as it is."""
    workshop = Workshop()
    workshop.build_error = TimeoutError("the agent's own")
    bay = Bay(workshop.kind(), limit=lambda: 1, closing=Closing())
    with pytest.raises(TimeoutError, match="the agent's own"):
        await bay.build("t", deadline=Deadline.after(60))
