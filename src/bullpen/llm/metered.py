"""One attempt at one model call: let through, bounded in time, reserved, classified, priced and booked."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, TypeVar

from agno.models.response import ModelResponse

from bullpen.errors import BullpenError, DeadlineExceeded, ModelNonsense, ModelTimeout
from bullpen.llm.bounds import Bounds
from bullpen.llm.call import CallSettings
from bullpen.llm.failures import ModelCallFailed, classify, headers_of, nonsense
from bullpen.llm.link import Link
from bullpen.llm.ports import Attempt, Budget, ModelName, Outcome, Prices, UsageSink
from bullpen.llm.preferences import Preferences
from bullpen.llm.responses import Answers
from bullpen.llm.run import ModelRun
from bullpen.llm.safeguards import Entry, Safeguards
from bullpen.llm.tokens import Tally
from bullpen.llm.watch import Watch

__all__ = ["Ask", "Meter", "MeteredCall"]

_T = TypeVar("_T")

_UNBOUNDED_ANSWER: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """Who is let through to a model, and where every attempt is paid for and booked."""

    prices: Prices
    usage: UsageSink
    budget: Budget
    safeguards: Safeguards
    preferences: Preferences

    async def begin(
        self, link: Link, run: ModelRun, *, call: CallSettings, ask: "Ask", patience: float
    ) -> "MeteredCall":
        """An attempt at `link` that was let through and reserved.

        Raises:
            ModelCallFailed: The run has no time left, the model is not to be called now, or the budget says no; nothing
                is booked, for nothing was tried.
        """
        try:
            run.deadline.check()
            entry = await self.safeguards.enter(str(link.name), deadline=run.deadline, patience=patience)
            reservation = await self._reserve(link.name, run, entry, sent=ask.sent, wanted=call.max_tokens)
        except BullpenError as refusal:
            run.failure = refusal
            raise ModelCallFailed(refusal, link.name) from refusal
        return MeteredCall(meter=self, link=link, run=run, call=call, ask=ask, entry=entry, reservation=reservation)

    async def _reserve(self, name: ModelName, run: ModelRun, entry: Entry, *, sent: int, wanted: int | None) -> str:
        try:
            return await self.budget.reserve(
                tenant=run.tenant,
                user_id=run.user_id,
                model=name,
                input_tokens=sent,
                output_tokens=wanted or _UNBOUNDED_ANSWER,
            )
        except BaseException:
            entry.decline()
            raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is the same in every attempt at one call.

    Attributes:
        key: Tells the provider that two attempts are one call.
        sent: Size of the prompt, estimated, in tokens.
        stream: Whether the answer comes in pieces.
    """

    key: str
    sent: int
    stream: bool


class MeteredCall:
    """An attempt under way, as an async context: whatever ends the block, the attempt is booked exactly once.

    A failure ends here: it is kept in `failed`, and stays in the run. A cancellation, or the end of a stream nobody
    reads any more, leaves as it is.

    Attributes:
        model: The one to call.
        failed: What went wrong, for Agno; None before the end, and after a success.
    """

    def __init__(
        self, *, meter: Meter, link: Link, run: ModelRun, call: CallSettings, ask: Ask, entry: Entry, reservation: str
    ) -> None:
        self.model = link.model
        self.failed: ModelCallFailed | None = None
        self._meter = meter
        self._name = link.name
        self._run = run
        self._call = call
        self._stream = ask.stream
        self._entry = entry
        self._reservation = reservation
        self._tally = Tally(sent=ask.sent)
        self._answers = Answers(ask.key)
        self._first_word: float | None = None
        self._heard = False
        run.attempts += 1
        self._number = run.attempts

    @property
    def spoken(self) -> bool:
        """Whether a word has come, and may have been handed on."""
        return self._tally.answered

    async def __aenter__(self) -> Self:
        """Starts the clock."""
        self._started = self._run.deadline.clock.monotonic()
        self._time = asyncio.get_running_loop().time
        remaining = self._run.deadline.remaining()
        self._bounds = Bounds(self._call, now=self._time(), remaining=remaining, stream=self._stream)
        self._watch = Watch()
        return self

    async def wait(self, answer: Awaitable[_T]) -> _T:
        """The provider's next word; the time until it comes is the model's, not ours."""
        until = self._bounds.until(now=self._time(), spoken=self.spoken)
        with self._run.away(), self._answers.collecting(), self._watch.until(until):
            return await answer

    def received(self, response: ModelResponse) -> None:
        """Counts what came: a whole answer, or the next piece of one."""
        self._heard = True
        self._tally.add(response)
        if self._first_word is None and self._tally.answered:
            self._first_word = self._elapsed()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Leaves and books before it waits for anything; settles though another cancellation ends the hanging up."""
        self._watch.stop()
        failure = self._failure(error)
        cancelled = error is not None and failure is None
        if not cancelled:
            self._run.failure = failure
        waited = self._elapsed() if self._first_word is None else self._first_word
        self._entry.leave(failure, cancelled=cancelled or self._is_empty(error), waited=waited)
        self._entry.learn(self._answers.headers or headers_of(error))
        cost = self._book(failure, cancelled=cancelled)
        try:
            await self._answers.aclose()
        finally:
            await self._meter.budget.settle(self._reservation, cost=cost)
        if failure is None:
            return False
        self.failed = ModelCallFailed(failure, self._name)
        self.failed.__cause__ = error
        return True

    def _failure(self, error: BaseException | None) -> BullpenError | None:
        if error is None:
            return None if self.spoken else nonsense(self._name)
        if not isinstance(error, Exception):
            return None
        return self._bounds.late(self._name) if self._watch.expired else classify(error, self._name)

    def _is_empty(self, error: BaseException | None) -> bool:
        """Whether an answer came whole, without a word in it.

        A model does so that will not say what it was asked to, or was not let to by its provider's filter. That is for
        the caller to mend, and must not close the model to all others.
        """
        return error is None and self._heard and not self.spoken

    def _elapsed(self) -> float:
        return self._run.deadline.clock.monotonic() - self._started

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
                duration=self._elapsed(),
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
