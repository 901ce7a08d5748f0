"""What a store holds, in this process' memory and never older than a few seconds."""

import asyncio
from abc import ABC, abstractmethod
from typing import Final, NamedTuple, Self

import structlog

from bullpen.clock import Clock, SystemClock
from bullpen.errors import DependencyDown
from bullpen.rounds import Rounds
from bullpen.security.authentication.news import News
from bullpen.stores.patience import leavable

__all__ = ["Mirror", "Pace"]

_LONGEST_LOOK: Final = 1.0
"""Seconds a request waits for a look, at most."""

_log = structlog.get_logger("bullpen.authentication")


class Pace(NamedTuple):
    """How often a store is looked at, in seconds.

    Attributes:
        poll_every: Between two looks, when there is no news.
        pause: Between two looks at least, whatever news comes and whatever strangers send.
        patience: The longest wait for the store.
        stale_after: How long stands what was seen last.
    """

    poll_every: float = 0.5
    pause: float = 0.1
    patience: float = 5.0
    stale_after: float = 30.0


class Mirror(ABC):
    """Looks at a store every `poll_every` seconds, and at once when there is news.

    Failure mode: closed. While the store is away what was seen last stands for `stale_after` seconds; from then on, and
    before the first look, the mirror is `stale`, and whoever reads it must refuse.
    """

    def __init__(
        self,
        *,
        name: str,
        news: News | None = None,
        clock: Clock | None = None,
        pace: Pace | None = None,
    ) -> None:
        """Opens nothing yet.

        Args:
            name: Of what is mirrored, as the log calls it.
            news: Says when there is something to see.
            clock: Tells what is stale.
            pace: How often it looks.
        """
        self._name = name
        self._news = news or News()
        self._clock = clock or SystemClock()
        self._pace = pace or Pace()
        self._fresh_at = float("-inf")
        self._away = False
        self._turn = asyncio.Lock()  # two looks at once could end with the older answer
        self._line = asyncio.Lock()  # while one looks, one more waits, and everybody else waits for that one
        self._looked_at = float("-inf")
        self._coming: asyncio.Task[None] | None = None
        self._looking: set[asyncio.Task[None]] = set()
        self._rounds = Rounds(self.look, every=self._pace.poll_every, name=name)

    async def __aenter__(self) -> Self:
        """Begins even when the store is away: nobody gets in until it answers."""
        await self._look()
        self._news.subscribe(self._rounds.wake)
        self._rounds.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._news.unsubscribe(self._rounds.wake)
        await self._rounds.aclose()
        for looking in tuple(self._looking):
            looking.cancel()
            await asyncio.wait((looking,), timeout=1)

    @property
    def stale(self) -> bool:
        """Whether what was seen is too old to be trusted."""
        return self._clock.monotonic() - self._fresh_at > self._pace.stale_after

    async def refresh(self) -> None:
        """Looks at the store now, so that this process knows at once what it has just changed.

        Raises:
            DependencyDown: The store is away, or took longer than `patience`.
        """
        asked_at = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._pace.patience), self._turn:
                await leavable(self._load())
        except TimeoutError as error:
            raise DependencyDown("The key store does not answer. Try again in a moment.") from error
        self._fresh_at = asked_at

    async def look(self) -> None:
        """Returns after a look that began after the call, or after a second.

        Everybody who asks while one is coming shares it, and there is a pause between two: strangers who ask all the
        time cost the store no more than polling does. A store that is away is told of in the log, and not raised.
        """
        if self._coming is None or self._coming.done():
            self._coming = asyncio.create_task(self._look())
            self._looking.add(self._coming)
            self._coming.add_done_callback(self._looking.discard)
        await asyncio.wait((self._coming,), timeout=_LONGEST_LOOK)

    @abstractmethod
    async def _load(self) -> None:
        """Takes over what the store holds now, if it has changed."""

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time
        async with self._line:
            await asyncio.sleep(max(0.0, self._looked_at + self._pace.pause - now()))
            # From here on it has begun, and whoever comes now waits for the next one.
            self._coming, self._looked_at = None, now()
            await self._bear()

    async def _bear(self) -> None:
        try:
            await self.refresh()
        except DependencyDown as error:
            self._tell(away=True, cause=error)
        except Exception:  # noqa: BLE001 -- looking must outlive any defect of a store, or nothing is ever known again
            _log.exception("store_not_read", mirror=self._name)
        else:
            self._tell(away=False)

    def _tell(self, *, away: bool, cause: Exception | None = None) -> None:
        if away and not self._away:
            _log.warning("key_store_away", mirror=self._name, stale_after=self._pace.stale_after, exc_info=cause)
        if self._away and not away:
            _log.info("key_store_back", mirror=self._name)
        self._away = away
