"""API keys and sessions in this process' memory: for one process, until it ends."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from bullpen.security.authentication.ports import KeyRecord, RefreshRecord, Revocation

__all__ = ["LocalKeyStore", "LocalSessionStore"]


class LocalKeyStore:
    """A `KeyStore` that is never away."""

    unreadable: Final = 0

    def __init__(self) -> None:
        self._records: dict[str, KeyRecord] = {}
        self._changes = 0

    async def add(self, record: KeyRecord) -> bool:
        """See `KeyStore.add`."""
        if record.id in self._records:
            return False
        self._keep(record)
        return True

    async def revoke(self, key_id: str, *, at: float) -> bool:
        """See `KeyStore.revoke`."""
        record = self._records.get(key_id)
        if record is None:
            return False
        if record.revoked_at is None:
            self._keep(replace(record, revoked_at=at))
        return True

    async def replace(self, key_id: str, heir: KeyRecord, *, ends_at: float) -> bool:
        """See `KeyStore.replace`."""
        record = self._records.get(key_id)
        if record is None or record.revoked_at is not None or record.replaced_by or heir.id in self._records:
            return False
        sooner = ends_at if record.expires_at is None else min(record.expires_at, ends_at)
        self._keep(replace(record, expires_at=sooner, replaced_by=heir.id))
        self._keep(heir)
        return True

    async def redigest(self, key_id: str, *, old: bytes, new: bytes, pepper: str) -> bool:
        """See `KeyStore.redigest`."""
        record = self._records.get(key_id)
        if record is None or record.digest != old:
            return False
        self._keep(replace(record, digest=new, pepper=pepper))
        return True

    async def touch(self, used: Mapping[str, float]) -> None:
        """See `KeyStore.touch`."""
        for key_id, at in used.items():
            record = self._records.get(key_id)
            if record is not None and at > (record.last_used_at or 0.0):
                self._records[key_id] = replace(record, last_used_at=at)

    async def find(self, key_id: str) -> KeyRecord | None:
        """See `KeyStore.find`."""
        return self._records.get(key_id)

    async def load(self) -> Sequence[KeyRecord]:
        """See `KeyStore.load`."""
        return [self._records[key_id] for key_id in sorted(self._records)]

    async def version(self) -> tuple[int, ...]:
        """See `KeyStore.version`."""
        return (self._changes,)

    def _keep(self, record: KeyRecord) -> None:
        self._records[record.id] = record
        self._changes += 1


class LocalSessionStore:
    """A `SessionStore` that is never away."""

    def __init__(self) -> None:
        self._tokens: dict[str, RefreshRecord] = {}
        self._until: dict[str, float] = {}  # sessions, and when the last of their tokens expires
        self._revoked: dict[str, Revocation] = {}
        self._number = 0

    async def begin(self, token: RefreshRecord) -> None:
        """See `SessionStore.begin`."""
        self._keep(token)

    async def find(self, token_id: str) -> RefreshRecord | None:
        """See `SessionStore.find`."""
        token = self._tokens.get(token_id)
        return token and replace(token, revoked=token.session in self._revoked)

    async def exchange(self, token_id: str, heir: RefreshRecord, *, at: float) -> bool:
        """See `SessionStore.exchange`."""
        token = self._tokens.get(token_id)
        if token is None or token.spent_at is not None or token.session in self._revoked:
            return False
        self._tokens[token_id] = replace(token, spent_at=at)
        self._keep(heir)
        return True

    async def revoke(self, session: str, *, at: float) -> bool:
        """See `SessionStore.revoke`."""
        if session not in self._until or session in self._revoked:
            return False
        self._number += 1
        self._revoked[session] = Revocation(self._number, session, at)
        return True

    async def revocations(self, *, after: int, since: float) -> Sequence[Revocation]:
        """See `SessionStore.revocations`."""
        return [each for each in self._revoked.values() if each.number > after and each.at >= since]

    async def prune(self, *, before: float, limit: int) -> int:
        """See `SessionStore.prune`."""
        tokens = [token.id for token in self._tokens.values() if token.expires_at < before][:limit]
        sessions = [session for session, until in self._until.items() if until < before][:limit]
        for token_id in tokens:
            del self._tokens[token_id]
        for session in sessions:
            del self._until[session]
            self._revoked.pop(session, None)
        return len(tokens) + len(sessions)

    def _keep(self, token: RefreshRecord) -> None:
        self._tokens[token.id] = token
        self._until[token.session] = max(token.expires_at, self._until.get(token.session, 0.0))
