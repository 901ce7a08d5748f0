"""Every API key of the house, in memory, never older than a few seconds."""

from collections import Counter
from typing import Final, NamedTuple

from bullpen.clock import Clock
from bullpen.errors import DependencyDown, Unauthenticated
from bullpen.security.authentication.mirror import Mirror, Pace
from bullpen.security.authentication.news import News
from bullpen.security.authentication.opaque import ApiKey
from bullpen.security.authentication.pepper import Peppers
from bullpen.security.authentication.ports import KeyRecord, KeyStore
from bullpen.security.authentication.upkeep import Upkeep

__all__ = ["Census", "KeyRing"]

_REFUSED: Final = "The API key is not valid."


class Census(NamedTuple):
    """How the keys of the house are.

    Attributes:
        kept: All there are.
        usable: Those that open something.
        under_older: Usable ones that still hang on an older secret; with none, that secret can be dropped.
        under_unknown: Usable ones of a secret that this server does not have: nobody can use them.
        unreadable: Rows that were left out.
        oldest_at: When the oldest usable one was made; None without any.
    """

    kept: int
    usable: int
    under_older: int
    under_unknown: int
    unreadable: int
    oldest_at: float | None


class KeyRing(Mirror):
    """Recognises API keys without asking the store.

    `async with KeyRing(...)` loads the keys and keeps them fresh until the block ends. A new or revoked key is known
    everywhere with the news of it, or `poll_every` seconds after the store has it, plus the time of one query.

    Failure mode: closed. While the store is away the last known keys stand for `stale_after` seconds; from then on,
    and before the first load, every key is answered with `DependencyDown`.
    """

    def __init__(
        self,
        store: KeyStore,
        *,
        peppers: Peppers,
        upkeep: Upkeep | None = None,
        news: News | None = None,
        clock: Clock | None = None,
        pace: Pace | None = None,
    ) -> None:
        """Opens nothing yet.

        Args:
            store: Where the keys are kept.
            peppers: What their digests were keyed with.
            upkeep: Hears of every key that opens.
            news: Says when keys have changed.
            clock: Tells what has expired and what is stale.
            pace: How often it looks.
        """
        super().__init__(name="key-ring", news=news, clock=clock, pace=pace)
        self._store = store
        self._peppers = peppers
        self._upkeep = upkeep
        self._records: dict[str, KeyRecord] = {}
        self._version: tuple[int, ...] | None = None

    def __contains__(self, key_id: str) -> bool:
        """Whether there is such a key, usable or not, as far as is known now."""
        return key_id in self._records

    def verify(self, presented: str) -> KeyRecord:
        """The record of the key that was presented, as far as is known now.

        A known and an unknown id cost the same work: one keyed digest and one comparison in constant time.

        Raises:
            Unauthenticated: It is not a key, or unknown, wrong, expired or revoked; the text does not say which.
            DependencyDown: The keys are too old to be trusted.
        """
        key = ApiKey.parse(presented)
        if key is None:
            raise _refusal()
        self._refuse_stale()
        record = self._records.get(key.id)
        fits = self._peppers.fits(key, record)
        if record is None or not fits or not record.usable(at=self._clock.now()):
            raise _refusal(key.id)
        if self._upkeep is not None:
            self._upkeep.note(key, record)
        return record

    async def recognise(self, presented: str) -> KeyRecord:
        """The same, for whoever can wait: a key that is refused is tried again after a look at the store.

        One made elsewhere a moment ago opens at once. A known key does not wait. Whatever is wrong with a key costs the
        same look, so nobody learns from the time an answer takes which ids exist.
        """
        try:
            return self.verify(presented)
        except Unauthenticated:
            if ApiKey.parse(presented) is None:
                raise
        await self.look()
        return self.verify(presented)

    def usable(self, key_id: str) -> KeyRecord | None:
        """The record of a key that opens something now; None when it does not, or there is none.

        Raises:
            DependencyDown: The keys are too old to be trusted.
        """
        self._refuse_stale()
        record = self._records.get(key_id)
        return record if record is not None and record.usable(at=self._clock.now()) else None

    def census(self) -> Census:
        """How the keys are, as far as is known now."""
        now = self._clock.now()
        usable = [record for record in self._records.values() if record.usable(at=now)]
        ages = Counter(map(self._peppers.age, usable))
        return Census(
            kept=len(self._records),
            usable=len(usable),
            under_older=ages["older"],
            under_unknown=ages["unknown"],
            unreadable=self._store.unreadable,
            oldest_at=min((record.created_at for record in usable), default=None),
        )

    def _refuse_stale(self) -> None:
        if self.stale:
            raise DependencyDown("API keys cannot be checked now. Try again in a moment.")

    async def _load(self) -> None:
        # The version is asked first: a change between the two questions is then seen again at the next look.
        version = await self._store.version()
        if version != self._version:
            self._records = {record.id: record for record in await self._store.load()}
            self._version = version


def _refusal(key_id: str = "") -> Unauthenticated:
    facts = {"key_id": key_id} if key_id else {}
    return Unauthenticated(_REFUSED, event="api_key_auth_failed", facts=facts)
