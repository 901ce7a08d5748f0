"""The attempts at one model call: every model of the chain in order, and each as often as is worth it."""

from collections import deque
from collections.abc import Sequence
from typing import Final

from agno.models.message import Message

from bullpen.errors import CircuitOpen, ModelFailed, ModelRejected, ModelTimeout
from bullpen.llm.call import CallSettings
from bullpen.llm.failures import ModelCallFailed
from bullpen.llm.link import Link
from bullpen.llm.metered import Ask, Meter, MeteredCall
from bullpen.llm.run import ModelRun, current_run
from bullpen.llm.tokens import estimate
from bullpen.messages import new_id
from bullpen.resilience import Pauses, RetryPolicy

__all__ = ["Trials"]

_SHORT_PATIENCE: Final = 1.0
"""Seconds a call waits for a model that is limited, when there is another one to ask."""


class Trials:
    """One model call, attempt by attempt.

        while True:
            attempt = await trials.next()
            async with attempt:
                ...
            if attempt.failed is None:
                return

    Asking for the next attempt decides what becomes of a failure: the same model again after a pause, if that may help,
    there is time for it, and the budget of retries allows it; else the next model; or, when none is left, the failure
    is raised. Once a word has come nothing is tried again, for it may have reached the caller.
    """

    def __init__(
        self, meter: Meter, chain: Sequence[Link], messages: Sequence[Message], *, call: CallSettings, stream: bool
    ) -> None:
        self._meter = meter
        self._call = call
        self._run = current_run() or ModelRun.nobodys(seconds=call.timeout)
        self._ask = Ask(key=new_id("call"), sent=estimate(messages), stream=stream)
        self._links = deque(chain)
        self._failures: list[ModelCallFailed] = []
        self._attempt: MeteredCall | None = None
        self._refusal: CircuitOpen | None = None
        self._is_called = False
        self._turn_to(self._links.popleft())

    async def next(self) -> MeteredCall:
        """The next attempt, let through and reserved.

        Raises:
            ModelCallFailed: No attempt is left, or worth it.
        """
        while True:
            try:
                return await self._next()
            except ModelCallFailed as failed:
                self._give_up(failed)

    async def _next(self) -> MeteredCall:
        if self._attempt is not None and self._attempt.failed is not None:
            await self._pause(self._attempt.failed)
        self._attempt = None
        self._attempt = await self._meter.begin(
            self._link, self._run, call=self._call, ask=self._ask, patience=self._patience()
        )
        if not self._is_called:
            # Only a call that is made pays for retries: an outage behind an open breaker must not save up a storm.
            self._meter.safeguards.budgets.call(str(self._link.name))
            self._is_called = True
        return self._attempt

    async def _pause(self, failed: ModelCallFailed) -> None:
        """Waits for as long as is right before the same model is called again; raises when it is not to be."""
        self._refusal = None
        with self._run.away():
            try:
                await self._pauses().after(failed)
            except ModelCallFailed:
                if self._refusal is None:
                    raise
                raise ModelCallFailed(self._refusal, self._link.name) from failed

    def _give_up(self, failed: ModelCallFailed) -> None:
        """Turns to the next model, or raises."""
        self._failures.append(failed)
        if not self._is_unspoken() or not self._links or not isinstance(failed.failure, ModelFailed):
            raise self._worst()
        self._attempt = None
        following = self._links.popleft()
        self._meter.usage.failed_over(self._link.name, following.name)
        self._turn_to(following)

    def _turn_to(self, link: Link) -> None:
        self._link = link
        self._is_called = False
        self._paused: Pauses | None = None

    def _pauses(self) -> Pauses:
        """Made at the first failure, for most calls have none."""
        if self._paused is None:
            call = self._call
            self._paused = Pauses(
                RetryPolicy(retries=call.retries, delay=call.retry_delay, delay_max=call.retry_delay_max),
                name=str(self._link.name),
                deadline=self._run.deadline,
                budgets=self._meter.safeguards.budgets,
                may_retry=self._may_retry,
            )
        return self._paused

    def _is_unspoken(self) -> bool:
        return self._attempt is None or not self._attempt.spoken

    def _may_retry(self) -> bool:
        if not self._is_unspoken() or (self._links and (self._has_timed_out() or self._wants_rest())):
            return False
        # This failure may have been the last one the breaker took. After the pause it would say the same.
        self._refusal = self._meter.safeguards.breakers.refusal(str(self._link.name))
        return self._refusal is None

    def _has_timed_out(self) -> bool:
        """A model that hangs costs the whole time of a call each time; where there is another one, once is enough."""
        failed = self._attempt.failed if self._attempt else None
        return failed is not None and isinstance(failed.failure, ModelTimeout)

    def _wants_rest(self) -> bool:
        """A rest for longer than a call would wait is not waited for by the one that was told of it either."""
        failed = self._attempt.failed if self._attempt else None
        asked = failed.failure.retry_after if failed is not None else None
        return asked is not None and asked > self._patience()

    def _patience(self) -> float:
        return min(_SHORT_PATIENCE, self._call.timeout) if self._links else self._call.timeout

    def _worst(self) -> ModelCallFailed:
        """What to raise: what the caller can mend, or else the last failure."""
        rejected = [each for each in self._failures if isinstance(each.failure, ModelRejected)]
        worst = rejected[0] if rejected else self._failures[-1]
        self._run.failure = worst.failure
        return worst
