"""Sessions and all they stand on, in memory, with tokens that are really signed."""

from dataclasses import dataclass

from bullpen.security.authentication import KeyRing, Locksmith, News, Pace, Peppers, Revocations, Sessions, Tokens
from bullpen.security.authentication.local import LocalKeyStore, LocalSessionStore
from bullpen.security.authentication.ports import KeyStore, SessionStore
from tests.stubs import tokens
from tests.stubs.clock import StillClock

__all__ = ["FAST", "Replica", "replica"]

FAST = Pace(poll_every=3600.0, pause=0.0, patience=5.0, stale_after=30.0)
"""Looks only when it is asked to."""


@dataclass(frozen=True, kw_only=True)
class Replica:
    """One process of several that share the stores."""

    ring: KeyRing
    revocations: Revocations
    tokens: Tokens
    sessions: Sessions
    locksmith: Locksmith

    async def look(self) -> None:
        """What the next poll does."""
        await self.ring.refresh()
        await self.revocations.refresh()


def replica(
    clock: StillClock,
    *,
    keys: KeyStore | None = None,
    sessions: SessionStore | None = None,
    news: News | None = None,
    older: tuple[str, ...] = (),
    secret: str = tokens.SECRET,
) -> Replica:
    """A process that has not looked yet."""
    key_store, session_store = keys or LocalKeyStore(), sessions or LocalSessionStore()
    peppers = Peppers(secret, *older)
    ring = KeyRing(key_store, peppers=peppers, news=news, clock=clock, pace=FAST)
    revocations = Revocations(session_store, ring=ring, news=news, clock=clock, pace=FAST)
    signed = Tokens(secret, older=older, revoked=revocations.withdrawn, clock=clock)
    return Replica(
        ring=ring,
        revocations=revocations,
        tokens=signed,
        sessions=Sessions(
            session_store,
            ring=ring,
            revocations=revocations,
            press=signed,
            peppers=peppers,
            news=news,
            clock=clock,
        ),
        locksmith=Locksmith(key_store, peppers=peppers, ring=ring, news=news, clock=clock),
    )
