"""Questions that are not waited for too long."""

import asyncio
import gc

import pytest
import structlog

from bullpen.stores.questions import Questions, answered


class Stubborn:
    """A question that goes on when it is cancelled, so many times."""

    def __init__(self, *, times: int = 1) -> None:
        self.begun = asyncio.Event()
        self.swallowed = 0
        self._times = times

    async def ask(self) -> None:
        while True:
            try:
                self.begun.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.swallowed += 1
                if self.swallowed > self._times:
                    raise


async def test_an_answer_in_time_is_given() -> None:
    """And what the question raises comes through."""

    async def says() -> int:
        return 7

    async def fails() -> None:
        raise ValueError("mine")

    questions = Questions()
    assert await questions.within(says(), seconds=30) == 7
    with pytest.raises(ValueError, match="mine"):
        await questions.within(fails(), seconds=30)


async def test_nobody_waits_for_a_question_that_does_not_end() -> None:
    """It is cancelled, and whoever asked goes on though it does not heed that."""
    question, questions = Stubborn(), Questions()
    with pytest.raises(TimeoutError):
        await questions.within(question.ask(), seconds=0.01)
    await asyncio.sleep(0)
    assert question.swallowed == 1
    await questions.aclose()
    assert question.swallowed == 2


async def test_closing_goes_on_until_nothing_is_asked() -> None:
    """A client that swallows a cancellation is cancelled again: it must not connect anew afterwards."""
    question, questions = Stubborn(times=3), Questions()
    asking = questions.ask(question.ask())
    await question.begun.wait()
    await questions.aclose()
    assert asking.cancelled()
    assert question.swallowed == 4


async def test_whoever_looks_leaves_it_running() -> None:
    """Its answer may be waited for again."""
    gate = asyncio.Event()
    asking = Questions().ask(gate.wait())
    assert not await answered(asking, within=0.001)
    gate.set()
    assert await answered(asking, within=30)


async def test_a_question_is_of_no_request() -> None:
    """What it logs does not bear the name of whoever happened to ask first."""

    async def bound() -> dict[str, object]:
        return structlog.contextvars.get_contextvars()

    with structlog.contextvars.bound_contextvars(request_id="mine"):
        assert await Questions().within(bound(), seconds=30) == {}


async def test_a_failure_nobody_waits_for_is_seen() -> None:
    """Otherwise asyncio would complain of it, when the task is thrown away."""
    complaints: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))

    async def fails() -> None:
        raise OSError

    questions = Questions()
    await asyncio.wait((questions.ask(fails()),))
    gc.collect()
    assert complaints == []
