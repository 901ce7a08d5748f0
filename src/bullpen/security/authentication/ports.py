"""What authentication needs of a store of API keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["KeyRecord", "KeyStore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """What is kept of an API key: everything but the key.

    Attributes:
        id: The public part of the key; unique.
        digest: See `keys.digest`; 32 bytes.
        name: What people call it.
        user_id: Its owner; calls made with it are the owner's.
        tenant: The owner's tenant.
        created_at: Seconds since 1970, as are the other times.
        expires_at: From then on it is refused; None means never.
        revoked_at: When it was withdrawn; it is refused whatever the time.
    """

    id: str
    digest: bytes = field(repr=False)
    name: str
    user_id: str
    tenant: str
    created_at: float
    roles: frozenset[str] = frozenset()
    permissions: frozenset[str] = frozenset()
    attributes: Mapping[str, str | int] = field(default_factory=dict)
    expires_at: float | None = None
    revoked_at: float | None = None

    def usable(self, *, at: float) -> bool:
        """Whether the key opens anything at that time."""
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)


class KeyStore(Protocol):
    """Keeps key records. They are added and revoked, and otherwise never change.

    Failure mode: raises `DependencyDown`, from every method; it never answers with a part of what it has. Whoever
    asks decides how long an earlier answer still stands.
    """

    async def add(self, record: KeyRecord) -> bool:
        """Keeps a record; False, and nothing changes, when there is one with this id."""
        ...

    async def revoke(self, key_id: str, *, at: float) -> bool:
        """Withdraws a key for good; False when there is none with this id. The first time of revoking stays."""
        ...

    async def load(self) -> Sequence[KeyRecord]:
        """Every record, the revoked and expired ones too, in order of their ids."""
        ...

    async def version(self) -> tuple[int, ...]:
        """Cheap to ask; differs after every add and every revocation that changed something."""
        ...
