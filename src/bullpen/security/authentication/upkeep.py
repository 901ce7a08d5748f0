"""What using a key changes, written behind: when it was last used, and its digest under today's pepper."""

import asyncio
from contextlib import suppress
from typing import Final, NamedTuple, Self

from bullpen.clock import Clock, SystemClock
from bullpen.errors import DependencyDown
from bullpen.rounds import Rounds
from bullpen.security.authentication.opaque import ApiKey
from bullpen.security.authentication.pepper import Peppers
from bullpen.security.authentication.ports import KeyRecord, KeyStore

__all__ = ["Upkeep"]

_LAST_PATIENCE: Final = 2.0
"""Seconds the last writing may take, when the server stops."""


class _Redigest(NamedTuple):
    old: bytes
    new: bytes
    pepper: str


class Upkeep:
    """Notes in memory, and writes all of it every `every` seconds, so no key is written more than once in that time.

    Memory is bounded by the number of keys. Failure mode: open. What could not be written is kept for the next time; a
    process that is killed loses the last notes.
    """

    def __init__(
        self,
        store: KeyStore,
        *,
        peppers: Peppers,
        clock: Clock | None = None,
        every: float = 60.0,
        settle: float = 600.0,
    ) -> None:
        """Begins with `async with`.

        Args:
            store: Where the keys are kept.
            peppers: What their digests are keyed with.
            clock: Tells when a key was used.
            every: Pause between two writings, seconds.
            settle: How long this process must have had a new secret before it moves keys to it, seconds. Until then
                other replicas may have the old one alone, and would refuse keys that were moved.
        """
        self._store = store
        self._peppers = peppers
        self._clock = clock or SystemClock()
        self._settle = settle
        self._since = (peppers.current.id, self._clock.monotonic())
        self._used: dict[str, float] = {}
        self._redigests: dict[str, _Redigest] = {}
        self._rounds = Rounds(self.write, every=every, name="key-upkeep")

    async def __aenter__(self) -> Self:
        self._rounds.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._rounds.aclose()
        writing = asyncio.create_task(self.write())
        await asyncio.wait((writing,), timeout=_LAST_PATIENCE)
        writing.cancel()
        with suppress(asyncio.CancelledError, DependencyDown):
            await writing

    def note(self, key: ApiKey, record: KeyRecord) -> None:
        """The key has opened something. Never waits."""
        self._used[key.id] = self._clock.now()
        pepper = self._peppers.current
        if record.pepper != pepper.id and key.id not in self._redigests and self._settled(pepper.id):
            self._redigests[key.id] = _Redigest(record.digest, pepper.digest(key), pepper.id)

    def _settled(self, pepper_id: str) -> bool:
        now = self._clock.monotonic()
        if self._since[0] != pepper_id:
            self._since = (pepper_id, now)
        return now - self._since[1] >= self._settle

    async def write(self) -> None:
        """Writes what was noted; raises `DependencyDown` when it could not, and keeps it."""
        while self._redigests:
            key_id, (old, new, pepper) = next(iter(self._redigests.items()))
            await self._store.redigest(key_id, old=old, new=new, pepper=pepper)
            del self._redigests[key_id]
        used, self._used = self._used, {}
        try:
            await self._store.touch(used)
        except BaseException:
            self._used = used | self._used
            raise
