"""One attempt at one model call: bounded in time, reserved, classified, priced and booked."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, TypeVar

from agno.models.base import Model
from agno.models.message import Message
from agno.models.response import ModelResponse

from bullpen.errors import BullpenError, DeadlineExceeded, ModelNonsense, ModelTimeout
from bullpen.llm.call import CallSettings
from bullpen.llm.failures import ModelCallFailed, classify, deadline_exceeded, nonsense, timed_out
from bullpen.llm.ports import Attempt, Budget, ModelName, Outcome, Prices, UsageSink
from bullpen.llm.responses import Answers
from bullpen.llm.run import ModelRun, current_run
from bullpen.llm.tokens import Tally, estimate
from bullpen.resilience import Deadline

__all__ = ["Link", "Meter", "MeteredCall"]

_T = TypeVar("_T")

_NOBODY: Final = "-"
_UNBOUNDED_ANSWER: Final = 4096


@dataclass(frozen=True, slots=True)
class Link:
    """One model of a guard's chain, with the name it is booked under."""

    name: ModelName
    model: Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """Where every attempt is paid for and booked."""

    prices: Prices
    usage: UsageSink
    budget: Budget

    async def begin(self, link: Link, messages: Sequence[Message], *, call: CallSettings) -> "MeteredCall":
        """A reserved attempt at `link`, for the current run.

        Outside any run (a script, a test) the call is bounded by its own timeout alone and booked under tenant `-`.

        Raises:
            ModelCallFailed: The run has no time left, or the budget says no; nothing is booked, for nothing was tried.
        """
        run = current_run() or _no_run(call.timeout)
        sent = estimate(messages)
        try:
            run.deadline.check()
            reservation = await self.budget.reserve(
                tenant=run.tenant,
                user_id=run.user_id,
                model=link.name,
                input_tokens=sent,
                output_tokens=call.max_tokens or _UNBOUNDED_ANSWER,
            )
        except BullpenError as refusal:
            run.failure = refusal
            raise ModelCallFailed(refusal, link.name) from refusal
        return MeteredCall(meter=self, name=link.name, run=run, call=call, sent=sent, reservation=reservation)


class MeteredCall:
    """An attempt under way, as an async context: whatever ends the block, the attempt is booked exactly once.

    An exception leaves as `ModelCallFailed` and stays in the run; a cancellation, or the end of a stream nobody reads
    any more, leaves as it is.
    """

    def __init__(
        self, *, meter: Meter, name: ModelName, run: ModelRun, call: CallSettings, sent: int, reservation: str
    ) -> None:
        self._meter = meter
        self._name = name
        self._run = run
        self._timeout = call.timeout
        self._reservation = reservation
        self._tally = Tally(sent=sent)
        self._answers = Answers()
        self._expired = False
        run.attempts += 1
        self._number = run.attempts

    async def __aenter__(self) -> Self:
        """Starts the clock."""
        self._started = self._run.deadline.clock.monotonic()
        remaining = self._run.deadline.remaining()
        self._deadline_first = remaining <= self._timeout
        self._until = asyncio.get_running_loop().time() + min(remaining, self._timeout)
        return self

    async def wait(self, answer: Awaitable[_T]) -> _T:
        """The provider's next word; the time until it comes is the model's, not ours."""
        with self._run.away(), self._answers.collecting():
            bound = asyncio.timeout_at(self._until)
            try:
                async with bound:
                    return await answer
            finally:
                self._expired = bound.expired()

    def received(self, response: ModelResponse) -> None:
        """Counts what came: a whole answer, or the next piece of one."""
        self._tally.add(response)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Books the attempt, then hangs up and settles: a second cancellation can stop only these two."""
        failure = self._failure(error)
        if failure is not None or error is None:
            self._run.failure = failure
        cost = self._book(failure, cancelled=error is not None and failure is None)
        await self._answers.aclose()
        await self._meter.budget.settle(self._reservation, cost=cost)
        if failure is not None:
            raise ModelCallFailed(failure, self._name) from error

    def _failure(self, error: BaseException | None) -> BullpenError | None:
        if error is None:
            return None if self._tally.answered else nonsense(self._name)
        if not isinstance(error, Exception):
            return None
        return self._too_late() if self._expired else classify(error, self._name)

    def _too_late(self) -> BullpenError:
        if self._deadline_first:
            return deadline_exceeded(self._name)
        return timed_out(self._name, seconds=self._timeout)

    def _book(self, failure: BullpenError | None, *, cancelled: bool) -> int:
        run, tally, succeeded = self._run, self._tally, failure is None and not cancelled
        spent = tally.spent(refused=not (succeeded or cancelled or _may_have_worked(failure)))
        cost = self._meter.prices.cost(self._name, input_tokens=spent.input_tokens, output_tokens=spent.output_tokens)
        run.input_tokens += spent.input_tokens
        run.output_tokens += spent.output_tokens
        run.cost += cost
        run.model = self._name.id if succeeded else run.model
        self._meter.usage.record(
            Attempt(
                run_id=run.run_id,
                number=self._number,
                tenant=run.tenant,
                user_id=run.user_id,
                agent_type=run.agent_type,
                model=self._name,
                input_tokens=spent.input_tokens,
                output_tokens=spent.output_tokens,
                cost=cost,
                estimated=spent.estimated,
                counted=succeeded,
                outcome=self._outcome(failure, cancelled=cancelled),
                duration=run.deadline.clock.monotonic() - self._started,
            )
        )
        return cost

    def _outcome(self, failure: BullpenError | None, *, cancelled: bool) -> Outcome:
        if isinstance(failure, ModelTimeout | DeadlineExceeded):
            return "timeout"
        if cancelled:
            # The runner's own bound may fire a moment before ours: then time ran out, nobody hung up.
            return "timeout" if self._run.deadline.remaining() <= 0 else "cancelled"
        return "success" if failure is None else "error"


def _may_have_worked(failure: BullpenError | None) -> bool:
    """Whether the provider may have worked for its money before it failed, though no answer came."""
    return isinstance(failure, ModelTimeout | DeadlineExceeded | ModelNonsense)


def _no_run(seconds: float) -> ModelRun:
    return ModelRun(
        run_id=_NOBODY,
        session_id=_NOBODY,
        tenant=_NOBODY,
        user_id=_NOBODY,
        agent_type=_NOBODY,
        deadline=Deadline.after(seconds),
    )
