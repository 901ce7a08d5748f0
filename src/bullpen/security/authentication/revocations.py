"""Which sessions were revoked, in memory: every access token is held against it."""

from collections.abc import Mapping
from typing import Final

from bullpen.clock import Clock
from bullpen.errors import DependencyDown
from bullpen.security.authentication.marks import Session, rights_of
from bullpen.security.authentication.mirror import Mirror, Pace
from bullpen.security.authentication.news import News
from bullpen.security.authentication.ports import KeyRecord, SessionStore
from bullpen.security.authentication.ring import KeyRing

__all__ = ["Revocations"]

_ACCESS_LIFETIME: Final = 3600.0
_SLACK: Final = 600.0
"""Seconds by which replicas' clocks may differ, and tokens outlive their `exp`."""
_NEW: Final = 5.0
"""Seconds after which every replica has seen a key that a session was begun with."""


class Revocations(Mirror):
    """Says whether a token of ours still stands.

    It does as long as its session was not revoked, its API key opens, and that key is still the same user's and grants
    what it granted. Memory is bounded by the revocations of the time an access token lives.

    Failure mode: closed, as of the key ring.
    """

    def __init__(
        self,
        store: SessionStore,
        *,
        ring: KeyRing,
        access_lifetime: float = _ACCESS_LIFETIME,
        news: News | None = None,
        clock: Clock | None = None,
        pace: Pace | None = None,
    ) -> None:
        """Opens nothing yet.

        Args:
            store: Where sessions are kept.
            ring: The API keys, which it does not open.
            access_lifetime: How long an access token lives at most, seconds.
            news: Says when sessions were revoked.
            clock: Tells what may be forgotten and what is stale.
            pace: How often it looks.
        """
        super().__init__(name="revocations", news=news, clock=clock, pace=pace)
        self._store = store
        self._ring = ring
        self._kept_for = access_lifetime + _SLACK
        self._revoked: dict[str, float] = {}  # in order of the numbers, so almost in order of time
        self._last = 0
        self._rights: dict[str, tuple[KeyRecord, str]] = {}

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._revoked)

    def withdrawn(self, marks: Mapping[str, str]) -> bool:
        """Whether a token with these `sid` and `jti` no longer stands; one of another program's own always does.

        Raises:
            DependencyDown: Too long ago that the stores could be asked.
        """
        session = Session.parse(marks.get("sid", ""))
        if session is None:
            return False
        if self.stale:
            raise DependencyDown("Tokens cannot be checked now. Try again in a moment.")
        if session.id in self._revoked:
            return True
        record = self._ring.usable(session.key_id)
        if record is None:
            return session.key_id in self._ring or self._clock.now() - session.began > _NEW
        return marks.get("jti", "").rpartition(".")[2] != self._rights_of(record)

    def _rights_of(self, record: KeyRecord) -> str:
        seen = self._rights.get(record.id)
        if seen is None or seen[0] is not record:
            seen = self._rights[record.id] = (record, rights_of(record))
        return seen[1]

    async def _load(self) -> None:
        since = self._clock.now() - self._kept_for
        for number, session, at in await self._store.revocations(after=self._last, since=since):
            self._revoked[session] = at
            self._last = number
        for session, at in tuple(self._revoked.items()):
            if at >= since:
                break
            del self._revoked[session]
