"""Sessions: an API key is exchanged for a short-lived access token, and a refresh token that renews it."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, NoReturn, Protocol

import structlog

from bullpen.caller import Caller
from bullpen.clock import Clock, SystemClock
from bullpen.errors import DependencyDown, Unauthenticated
from bullpen.security.authentication.marks import Session, rights_of, token_id
from bullpen.security.authentication.news import News
from bullpen.security.authentication.opaque import RefreshToken
from bullpen.security.authentication.pepper import Peppers
from bullpen.security.authentication.ports import KeyRecord, RefreshRecord, SessionStore
from bullpen.security.authentication.revocations import Revocations
from bullpen.security.authentication.ring import KeyRing

__all__ = ["Grant", "Holding", "Press", "Sessions"]

_HOUR: Final = 3600.0
_WEEK: Final = 7 * 86_400.0
_BATCH: Final = 1000
_REFUSED: Final = "The refresh token is not valid."

_log = structlog.get_logger("bullpen.authentication")


class Press(Protocol):
    """Makes access tokens, and reads them."""

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A token that claims this, and is ours."""
        ...

    async def verify(self, token: str) -> Caller:
        """Whom it speaks of; raises `Unauthenticated` when it is not valid."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a client gets. Shown once, and never kept.

    Attributes:
        caller: Whom it was given to.
        session: The session's id; fit for a log.
        access_token: Shown as bearer.
        expires_in: Seconds until the access token expires.
        refresh_token: Good for one exchange.
        refresh_expires_in: Seconds until the refresh token expires.
    """

    caller: Caller
    session: str
    access_token: str = field(repr=False)
    expires_in: int
    refresh_token: str = field(repr=False)
    refresh_expires_in: int


class Holding(NamedTuple):
    """A session, and whose it is."""

    session: str
    caller: Caller


class Sessions:
    """Begins, renews and revokes sessions. None outlives its API key, and none grants more than the key does now.

    Failure mode: raises `DependencyDown` when the store is away.
    """

    def __init__(
        self,
        store: SessionStore,
        *,
        ring: KeyRing,
        revocations: Revocations,
        press: Press,
        peppers: Peppers,
        news: News | None = None,
        clock: Clock | None = None,
        access_lifetime: float = _HOUR,
        refresh_lifetime: float = _WEEK,
    ) -> None:
        """Opens nothing; `ring` and `revocations` are open, and stay others' to close.

        Args:
            store: Where sessions are kept.
            ring: The API keys.
            revocations: What was revoked, on this replica.
            press: Makes access tokens.
            peppers: What refresh tokens are digested with.
            news: Tells other replicas of a revocation.
            clock: Tells when what expires.
            access_lifetime: Of an access token, seconds.
            refresh_lifetime: Of a refresh token, seconds.
        """
        self._store = store
        self._ring = ring
        self._revocations = revocations
        self._press = press
        self._peppers = peppers
        self._news = news or News()
        self._clock = clock or SystemClock()
        self._access_lifetime = access_lifetime
        self._refresh_lifetime = refresh_lifetime

    async def begin(self, key_id: str) -> Grant:
        """Begins a session for an API key that was just recognised.

        Raises:
            Unauthenticated: The key does not open any more.
            DependencyDown: The store is away.
        """
        record = self._ring.usable(key_id)
        if record is None:
            raise Unauthenticated("The API key is not valid.", event="api_key_auth_failed", facts={"key_id": key_id})
        session = Session.begin(key_id, now=self._clock.now())
        grant, token = self._grant(record, session.id)
        await self._store.begin(token)
        return grant

    async def refresh(self, text: str) -> Grant:
        """Exchanges a refresh token for new ones. A token that comes a second time revokes its session.

        That also holds for a client who sends one twice at once: the server cannot tell it from a thief.

        Raises:
            Unauthenticated: It is not valid (any more); the text does not say why, `event` does.
            DependencyDown: The store is away.
        """
        kept = await self._known(text)
        if kept.spent_at is not None:
            await self._reused(kept)
        now = self._clock.now()
        if now >= kept.expires_at:
            raise _refused("expired", kept, event="token_expired")
        record = await self._key_of(kept)
        grant, heir = self._grant(record, kept.session)
        if not await self._store.exchange(kept.id, heir, at=now):
            await self._reused(kept)
        return grant

    async def holding(self, text: str) -> Holding | None:
        """The session of an access or refresh token, and whose it is; None when there is nothing to revoke.

        So it is with a token that is not valid, and with one whose API key opens nothing any more.

        Raises:
            DependencyDown: The store is away.
        """
        try:
            return await (self._of_refresh(text) if RefreshToken.parse(text) else self._of_access(text))
        except Unauthenticated:
            return None

    async def revoke(self, session: str) -> bool:
        """Revokes a session with all its tokens, on every replica; False when it was revoked before.

        Raises:
            DependencyDown: The store is away.
        """
        revoked = await self._store.revoke(session, at=self._clock.now())
        await self._news.tell()
        with suppress(DependencyDown):  # it is revoked, and nobody must hear otherwise; the replica goes on looking
            await self._revocations.refresh()
        return revoked

    async def prune(self) -> int:
        """Removes what has expired, batch by batch; how many rows.

        Raises:
            DependencyDown: The store is away.
        """
        # Revoked sessions stay until no access token of theirs can be valid on any replica's clock.
        before = self._clock.now() - 2 * self._access_lifetime
        removed = 0
        while batch := await self._store.prune(before=before, limit=_BATCH):
            removed += batch
        return removed

    async def _known(self, text: str) -> RefreshRecord:
        """What is kept of a refresh token of a session that was not revoked; it may be spent or expired."""
        presented = RefreshToken.parse(text)
        kept = await self._store.find(presented.id) if presented else None
        if presented is None or not self._peppers.fits(presented, kept) or kept is None:
            raise _refused("unknown")
        if kept.revoked:
            raise _refused("revoked", kept)
        return kept

    async def _of_refresh(self, text: str) -> Holding:
        kept = await self._known(text)
        record = await self._key_of(kept)
        return Holding(kept.session, record.caller(credential=f"jwt:{kept.session}"))

    async def _of_access(self, text: str) -> Holding | None:
        caller = await self._press.verify(text)
        session = Session.parse(caller.credential.partition(":")[2])
        return session and Holding(session.id, caller)

    async def _key_of(self, kept: RefreshRecord) -> KeyRecord:
        record = self._ring.usable(kept.key_id)
        if record is None and kept.key_id not in self._ring:
            await self._ring.look()
            record = self._ring.usable(kept.key_id)
        if record is None:
            raise _refused("key", kept)
        return record

    async def _reused(self, kept: RefreshRecord) -> NoReturn:
        if not await self.revoke(kept.session):
            raise _refused("revoked", kept)
        _log.warning("refresh_token_reused", session=kept.session, key_id=kept.key_id)
        raise _refused("reused", kept, event="token_reused")

    def _grant(self, record: KeyRecord, session: str) -> tuple[Grant, RefreshRecord]:
        now = self._clock.now()
        ends = float("inf") if record.expires_at is None else record.expires_at
        expires, renewable = min(now + self._access_lifetime, ends), min(now + self._refresh_lifetime, ends)
        token = RefreshToken.generate()
        grant = Grant(
            caller=record.caller(credential=f"jwt:{session}"),
            session=session,
            access_token=self._press.sign(_claims(record, session, now=now, expires=expires)),
            expires_in=int(expires - now),
            refresh_token=token.text,
            refresh_expires_in=int(renewable - now),
        )
        pepper = self._peppers.current
        return grant, RefreshRecord(
            id=token.id,
            digest=pepper.digest(token),
            pepper=pepper.id,
            session=session,
            key_id=record.id,
            expires_at=renewable,
        )


def _claims(record: KeyRecord, session: str, *, now: float, expires: float) -> dict[str, Any]:
    return {
        "sid": session,
        "jti": token_id(rights_of(record)),
        "iat": int(now),
        "exp": int(expires),
        "user_id": record.user_id,
        "tenant": record.tenant,
        "roles": sorted(record.roles),
        "permissions": sorted(record.permissions),
        "attributes": dict(record.attributes),
    }


def _refused(reason: str, kept: RefreshRecord | None = None, *, event: str = "token_invalid") -> Unauthenticated:
    facts = {"reason": reason} | ({"key_id": kept.key_id, "session": kept.session} if kept else {})
    return Unauthenticated(_REFUSED, event=event, facts=facts)
