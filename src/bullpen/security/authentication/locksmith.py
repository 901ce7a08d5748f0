"""Makes keys, has them replaced, and withdraws them."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

from bullpen.clock import Clock, SystemClock
from bullpen.errors import DependencyDown, InvalidRequest, NotFound, Unexpected
from bullpen.security.authentication.identity import DEFAULT_TENANT
from bullpen.security.authentication.keys import issue
from bullpen.security.authentication.news import News
from bullpen.security.authentication.opaque import ApiKey, is_id
from bullpen.security.authentication.pepper import Peppers
from bullpen.security.authentication.ports import KeyRecord, KeyStore
from bullpen.security.authentication.ring import KeyRing

__all__ = ["DAY", "Locksmith"]

DAY: Final = 86_400.0
_LONGEST_OVERLAP: Final = 90 * DAY


class Locksmith:
    """Keeps the keys of the house. What is changed holds here at once, and on every other replica with the news of it.

    Failure mode: raises `DependencyDown` when the store is away.
    """

    def __init__(
        self,
        store: KeyStore,
        *,
        peppers: Peppers,
        ring: KeyRing | None = None,
        news: News | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Opens nothing.

        Args:
            store: Where keys are kept.
            peppers: What they are digested with.
            ring: This process' own, if it has one.
            news: Tells other replicas of a change.
            clock: Tells when keys were made and expire.
        """
        self._store = store
        self._peppers = peppers
        self._ring = ring
        self._news = news or News()
        self._clock = clock or SystemClock()

    def cut(
        self,
        *,
        name: str,
        user_id: str,
        tenant: str = DEFAULT_TENANT,
        roles: Iterable[str] = (),
        permissions: Iterable[str] = (),
        attributes: Mapping[str, str | int] | None = None,
        lifetime: float | None = None,
        created_by: str = "",
    ) -> tuple[ApiKey, KeyRecord]:
        """A fresh key, which opens nothing until it is added. Takes and raises what `keys.issue` does."""
        return issue(
            pepper=self._peppers.current,
            now=self._clock.now(),
            name=name,
            user_id=user_id,
            tenant=tenant,
            roles=roles,
            permissions=permissions,
            attributes=attributes,
            lifetime=lifetime,
            created_by=created_by,
        )

    async def add(self, record: KeyRecord) -> None:
        """Lets a key that was cut open."""
        if not await self._store.add(record):
            raise Unexpected("A fresh key has the id of another one. Try again.")
        await self._tell()

    async def find(self, key_id: str) -> KeyRecord | None:
        """What is kept of a key; None when there is none."""
        return await self._store.find(key_id) if is_id(key_id) else None

    async def keys(self, *, tenant: str | None = None) -> list[KeyRecord]:
        """Every key of a tenant, or of all, in order of their ids; when they were last used, give or take a minute."""
        return [record for record in await self._store.load() if tenant in {None, record.tenant}]

    def heir(self, record: KeyRecord, *, created_by: str = "") -> tuple[ApiKey, KeyRecord]:
        """A fresh key that is to replace one: the same owner and rights, and as long a life.

        Raises:
            InvalidRequest: The key is revoked or expired: what opens nothing is not to be replaced by what does. Or it
                has an heir: how long a life it was given is gone, and one key in use is not to become three.
        """
        now = self._clock.now()
        if not record.usable(at=now):
            raise InvalidRequest("The key opens nothing any more, so it cannot be rotated. Make a new one.")
        if record.replaced_by:
            raise InvalidRequest(f"The key is being replaced by {record.replaced_by}. Rotate or revoke that one.")
        lifetime = None if record.expires_at is None else record.expires_at - record.created_at
        key, fresh = self.cut(
            name=record.name, user_id=record.user_id, tenant=record.tenant, lifetime=lifetime, created_by=created_by
        )
        return key, replace(
            fresh, roles=record.roles, permissions=record.permissions, attributes=dict(record.attributes)
        )

    async def rotate(self, key_id: str, heir: KeyRecord, *, overlap: float = DAY) -> float:
        """Lets the heir open, and the old key for so many seconds more; returns when the old one ends.

        Raises:
            InvalidRequest: The overlap is negative, or longer than 90 days.
            NotFound: There is no such key, or it was revoked or rotated meanwhile.
        """
        check_overlap(overlap)
        ends_at = self._clock.now() + overlap
        if not await self._store.replace(key_id, heir, ends_at=ends_at):
            raise _unknown()
        await self._tell()
        return ends_at

    async def revoke(self, key_id: str) -> None:
        """Withdraws a key for good, with every token that hangs on it; raises `NotFound` when there is none."""
        if not await self._store.revoke(key_id, at=self._clock.now()):
            raise _unknown()
        await self._tell()

    async def _tell(self) -> None:
        """Never raises: what was changed stays changed, and whoever asked must not hear that it was not."""
        await self._news.tell()
        if self._ring is not None:
            with suppress(DependencyDown):  # the ring goes on looking, and tells the log that the store is away
                await self._ring.refresh()


def check_overlap(overlap: float) -> None:
    """Raises `InvalidRequest` for one that no old key may have."""
    if not 0 <= overlap <= _LONGEST_OVERLAP:
        raise InvalidRequest("The overlap must be 0 seconds to 90 days.")


def _unknown() -> NotFound:
    return NotFound("There is no such API key. List those there are.")
