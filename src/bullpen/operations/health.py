"""Whether this replica can work, said per dependency, required or optional."""

import asyncio
from collections.abc import Sequence
from typing import Final

from bullpen.clock import Clock, SystemClock
from bullpen.operations.dependency import Dependency
from bullpen.operations.lookout import Lookout
from bullpen.operations.report import Report
from bullpen.rounds import Rounds
from bullpen.telemetry import LoopLag, Metrics

__all__ = ["Health"]

_EVERY: Final = 30.0
_FAILURES: Final = 3
_TIMEOUT: Final = 2.0
_AGAIN: Final = 1.0
# Below the second after which an orchestrator's probe gives up, so that a slow dependency does not take a replica out.
_PATIENCE: Final = 0.5
# Rounds that something may be due in, for each pause between two looks.
_ROUNDS: Final = 4


class Health:
    """Looks after all dependencies, in the background and when somebody asks.

    In the background each is looked at every `every` seconds, and every `again` seconds while it is in doubt. Whoever
    asks has them looked at as well, each at most once every `again` seconds however many ask, and waits `patience`
    seconds at most; a look that takes longer goes on, and the report tells the age of what it knows.

    Failure mode: closed for a required dependency that is down (not ready), open for one that is failing or optional
    (`degraded`, and ready).
    """

    def __init__(
        self,
        dependencies: Sequence[Dependency],
        *,
        metrics: Metrics,
        every: float = _EVERY,
        failures: int = _FAILURES,
        timeout: float = _TIMEOUT,
        again: float = _AGAIN,
        patience: float = _PATIENCE,
        lag: LoopLag | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Looks at nothing before `start` or the first question.

        Args:
            dependencies: What this replica leans on.
            metrics: Keeps `dependency_up`.
            every: Time between two looks at what is up or down, seconds.
            failures: Looks that must fail in a row before what was up is down.
            timeout: Bound of each look, seconds.
            again: Time between two looks at what is failing, and how long an answer serves, seconds.
            patience: Bound of a report, seconds.
            lag: Told in reports.
            clock: Tells what is due.
        """
        clock = clock or SystemClock()
        self._lookouts = [
            Lookout(each, metrics=metrics, most=failures, timeout=timeout, clock=clock) for each in dependencies
        ]
        self._every = every
        self._again = again
        self._patience = patience
        self._lag = lag
        self._rounds = Rounds(self._round, every=min(every, again) / _ROUNDS, name="health")
        self._draining = False

    @property
    def draining(self) -> bool:
        """This replica finishes what it has and wants nothing new."""
        return self._draining

    def drain(self) -> None:
        """Makes this replica not ready for good; what runs goes on."""
        self._draining = True

    def start(self) -> None:
        """Begins to look in the background, now."""
        self._round()
        self._rounds.start()

    async def report(self) -> Report:
        """The state now, as far as it can be known in time."""
        looks = [each.look() for each in self._lookouts if each.age >= self._again]
        if looks:
            # Not cancelled with whoever asks: others wait for the same looks.
            await asyncio.wait(looks, timeout=self._patience)
        found = {each.name: each.finding for each in self._lookouts}
        lateness = None if self._lag is None else self._lag.recent()
        return Report.of(found, draining=self._draining, event_loop=lateness)

    async def aclose(self) -> None:
        """Looks no more, and ends what is under way."""
        await self._rounds.aclose()
        await asyncio.gather(*(each.aclose() for each in self._lookouts))

    def _round(self) -> None:
        for each in self._lookouts:
            if each.due(every=self._every, again=self._again):
                each.look()
