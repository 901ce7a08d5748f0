"""The one task that works behind: it gives facts away, and tries again for as long as it takes."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import structlog

from bullpen.errors import BullpenError
from bullpen.outbox.ports import Consumer, Fact

__all__ = ["Delivery", "by_topic"]

_log = structlog.get_logger("bullpen.outbox")

_FIRST_PAUSE: Final = 0.05
_FULL: Final = 500
_GATHER: Final = 0.2  # seconds; others come meanwhile, and a fact in a batch of hundreds costs a tenth of one in a few


class Delivery:
    """Goes through rounds, each of which gives one batch away.

    After a round that gave a whole batch the next begins at once, and after one that gave less, a moment later. After
    one that gave nothing it rests until it is woken, or a while has passed; after one that failed, for a pause that
    doubles from 0.05 s to a longest, with some randomness.
    """

    def __init__(
        self,
        round_: Callable[[], Awaitable[int]],
        *,
        name: str,
        poll: float = 0.5,
        patience: float = 60.0,
        longest_pause: float = 5.0,
    ) -> None:
        """Prepares; `start` begins.

        Args:
            round_: Gives a batch away, and says how many facts it had.
            name: For the log.
            poll: Longest rest when there is nothing to do, seconds.
            patience: A round that takes longer is cancelled, and has failed; seconds.
            longest_pause: Between failures, seconds.
        """
        self._round = round_
        self._name = name
        self._poll = poll
        self._patience = patience
        self._longest_pause = longest_pause
        self._failures = 0
        self._stopped = False
        self._wanted = asyncio.Event()
        self._hurry = asyncio.Event()
        self._turned = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins."""
        self._task = asyncio.create_task(self._run(), name=f"outbox-{self._name}")

    def wake(self) -> None:
        """There is something to do."""
        self._wanted.set()

    async def turn(self) -> None:
        """Returns after a round has ended, whatever came of it; somebody waits for it, so it begins at once."""
        self._wanted.set()
        self._hurry.set()
        self._turned.clear()
        await self._turned.wait()

    async def aclose(self) -> None:
        """Stops, in the middle of a round if need be."""
        self._stopped = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=5)

    async def _run(self) -> None:
        # Not only until it is cancelled: a transaction whose connection broke raises that instead of the cancellation.
        while not self._stopped:
            given = await self._one()
            self._turned.set()
            await self._before_the_next(given)

    async def _before_the_next(self, given: int | None) -> None:
        if self._stopped or (given is not None and given >= _FULL):
            return
        if given is None:
            await asyncio.sleep(self._pause())
            return
        if not given:
            await self._rest()
        await self._gather()

    async def _one(self) -> int | None:
        """How many were given away; None when it failed."""
        try:
            async with asyncio.timeout(self._patience):
                given = await self._round()
        except Exception as error:  # noqa: BLE001 -- whatever a consumer raises, what happened must not be lost
            self._failures += 1
            self._tell(error)
            return None
        if self._failures:
            _log.info("outbox_delivers_again", delivery=self._name, after_failures=self._failures)
        self._failures = 0
        return given

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._poll):
                await self._wanted.wait()
        self._wanted.clear()

    async def _gather(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_GATHER):
                await self._hurry.wait()
        self._hurry.clear()

    def _pause(self) -> float:
        longest = min(self._longest_pause, _FIRST_PAUSE * 2.0 ** min(self._failures - 1, 10))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 -- spreads retries; nobody gains by guessing it

    def _tell(self, error: Exception) -> None:
        known = isinstance(error, BullpenError | TimeoutError)
        reason = error.detail if isinstance(error, BullpenError) else type(error).__name__
        remedy = "Nothing is lost; trying again."
        _log.warning(
            "outbox_not_delivered",
            delivery=self._name,
            failures=self._failures,
            reason=reason,
            remedy=remedy,
            exc_info=None if known else error,
        )


def by_topic(consumers: Mapping[str, Consumer]) -> Callable[[Sequence[Fact]], Awaitable[None]]:
    """Hands facts to the consumers of their topics: in order within a topic, and all of them or it raises."""

    async def hand(facts: Sequence[Fact]) -> None:
        topics = dict.fromkeys(fact.topic for fact in facts)
        for topic in topics:
            mine = facts if len(topics) == 1 else [fact for fact in facts if fact.topic == topic]
            await consumers[topic].deliver(mine)

    return hand
