"""What a model call knows of its run."""

import asyncio

from bullpen.llm.run import ModelRun, current_run
from bullpen.messages import Usage
from bullpen.resilience import Deadline
from tests.stubs.booking import model_run
from tests.stubs.clock import StillClock


async def test_a_run_is_current_inside_its_block_alone() -> None:
    """Also in the tasks and threads started there, and two runs at once do not see one another."""
    one, two = model_run(run_id="one"), model_run(run_id="two")
    with one.as_current():
        task = asyncio.create_task(_current())
        with two.as_current():
            inside = current_run()
        outside, thread = current_run(), await asyncio.to_thread(current_run)
    assert (inside, outside, thread, await task) == (two, one, one, one)
    assert current_run() is None


async def _current() -> ModelRun | None:
    return current_run()


def test_usage_is_what_was_counted() -> None:
    """The tally in the words of an answer."""
    run = model_run(input_tokens=1, output_tokens=2, cost=3)
    assert run.usage == Usage(input_tokens=1, output_tokens=2, cost=3)


def test_time_away_that_overlaps_counts_once() -> None:
    """Two tools at once for three seconds are three seconds away, not six."""
    clock = StillClock(0)
    run = model_run(deadline=Deadline(100.0, clock))
    with run.away():
        clock.pass_time(1)
        with run.away():
            clock.pass_time(2)
    clock.pass_time(7)
    with run.away():
        clock.pass_time(1)
    assert run.away_seconds == 4.0
