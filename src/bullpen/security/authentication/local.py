"""API keys in this process' memory: for one process, until it ends."""

from collections.abc import Sequence
from dataclasses import replace

from bullpen.security.authentication.ports import KeyRecord

__all__ = ["LocalKeyStore"]


class LocalKeyStore:
    """A `KeyStore` that is never away."""

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

    async def load(self) -> Sequence[KeyRecord]:
        """See `KeyStore.load`."""
        return [self._records[key_id] for key_id in sorted(self._records)]

    async def version(self) -> tuple[int, ...]:
        """See `KeyStore.version`."""
        return (self._changes,)

    def _keep(self, record: KeyRecord) -> None:
        self._records[record.id] = record
        self._changes += 1
