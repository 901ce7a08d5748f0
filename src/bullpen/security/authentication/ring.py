"""Every API key of the house, in memory, never older than a few seconds."""

import asyncio
import secrets
from contextlib import suppress
from hmac import compare_digest
from typing import Final, Self

import structlog

from bullpen.clock import Clock, SystemClock
from bullpen.errors import DependencyDown, Unauthenticated
from bullpen.security.authentication import keys
from bullpen.security.authentication.ports import KeyRecord, KeyStore

__all__ = ["KeyRing"]

_REFUSED: Final = "The API key is not valid."
_DUMMY: Final = secrets.token_bytes(32)
"""Compared with when there is no such key: random, so that it fits none."""

_log = structlog.get_logger("bullpen.authentication")


class KeyRing:
    """Recognises API keys without asking the store.

    `async with KeyRing(...)` loads the keys and keeps them fresh until the block ends. A new or revoked key is known
    everywhere `poll_every` seconds after the store has it, plus the time of one query.

    Failure mode: closed. While the store is away the last known keys stand for `stale_after` seconds; from then on,
    and before the first load, every key is answered with `DependencyDown`.
    """

    def __init__(
        self,
        store: KeyStore,
        *,
        pepper: bytes,
        clock: Clock | None = None,
        poll_every: float = 0.5,
        patience: float = 5.0,
        stale_after: float = 30.0,
    ) -> None:
        """Opens nothing yet.

        Args:
            store: Where the keys are kept.
            pepper: What their digests were keyed with.
            clock: Tells what has expired and what is stale.
            poll_every: Seconds between two looks at the store.
            patience: Longest wait for the store, seconds.
            stale_after: How long the last known keys stand, seconds.
        """
        self._store = store
        self._pepper = pepper
        self._clock = clock or SystemClock()
        self._poll_every = poll_every
        self._patience = patience
        self._stale_after = stale_after
        self._records: dict[str, KeyRecord] = {}
        self._version: tuple[int, ...] | None = None
        self._fresh_at = float("-inf")
        self._away = False
        self._turn = asyncio.Lock()  # two looks at once could end with the older answer
        self._polling: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begins even when the store is away: nobody gets in until it answers."""
        await self._look()
        self._polling = asyncio.create_task(self._poll(), name="key-ring")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._polling is None:
            return
        self._polling.cancel()
        with suppress(asyncio.CancelledError):
            await self._polling

    @property
    def stale(self) -> bool:
        """Whether the keys are too old to be trusted."""
        return self._clock.monotonic() - self._fresh_at > self._stale_after

    async def refresh(self) -> None:
        """Looks at the store now, so that this process knows at once what it has just added or revoked.

        Raises:
            DependencyDown: The store is away, or took longer than `patience`.
        """
        asked_at = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._patience), self._turn:
                await self._load()
        except TimeoutError as error:
            raise DependencyDown("The key store does not answer. Try again in a moment.") from error
        self._fresh_at = asked_at

    def verify(self, presented: str) -> KeyRecord:
        """The record of the key that was presented.

        A known and an unknown id cost the same work: one keyed digest and one comparison in constant time.

        Raises:
            Unauthenticated: It is not a key, or unknown, wrong, expired or revoked; the text does not say which.
            DependencyDown: The keys are too old to be trusted.
        """
        key = keys.parse(presented)
        if key is None:
            raise Unauthenticated(_REFUSED)
        if self.stale:
            raise DependencyDown("API keys cannot be checked now. Try again in a moment.")
        record = self._records.get(key.id)
        expected = _DUMMY if record is None else record.digest
        fits = compare_digest(keys.digest(key, pepper=self._pepper), expected)
        if record is None or not fits or not record.usable(at=self._clock.now()):
            raise Unauthenticated(_REFUSED)
        return record

    async def _load(self) -> None:
        # The version is asked first: a change between the two questions is then seen again at the next look.
        version = await self._store.version()
        if version != self._version:
            self._records = {record.id: record for record in await self._store.load()}
            self._version = version

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._poll_every)
            await self._look()

    async def _look(self) -> None:
        try:
            await self.refresh()
        except DependencyDown as error:
            self._tell(away=True, cause=error)
        except Exception:  # noqa: BLE001 -- the poll must outlive any defect of a store, or no key is ever known again
            _log.exception("keys_not_loaded")
        else:
            self._tell(away=False)

    def _tell(self, *, away: bool, cause: Exception | None = None) -> None:
        if away and not self._away:
            _log.warning("key_store_away", stale_after=self._stale_after, exc_info=cause)
        if self._away and not away:
            _log.info("key_store_back")
        self._away = away
