"""What authentication needs of the stores of API keys and of sessions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from bullpen.caller import Caller

__all__ = ["KeyRecord", "KeyStore", "RefreshRecord", "Revocation", "SessionStore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """What is kept of an API key: everything but the key.

    Attributes:
        id: The public part of the key; unique.
        digest: See `Pepper.digest`; 32 bytes.
        pepper: The id of the pepper it was made with; empty when it was made before peppers had ids.
        name: What people call it.
        user_id: Its owner; calls made with it are the owner's.
        tenant: The owner's tenant.
        created_at: Seconds since 1970, as are the other times.
        created_by: Who made it, as `tenant:user`; empty for the command line.
        expires_at: From then on it is refused; None means never.
        revoked_at: When it was withdrawn; it is refused whatever the time.
        last_used_at: When it last opened something, give or take a minute; None means never.
        replaced_by: The id of its heir, with which it opens for a while; empty when it was not rotated.
    """

    id: str
    digest: bytes = field(repr=False)
    pepper: str = ""
    name: str
    user_id: str
    tenant: str
    created_at: float
    created_by: str = ""
    roles: frozenset[str] = frozenset()
    permissions: frozenset[str] = frozenset()
    attributes: Mapping[str, str | int] = field(default_factory=dict)
    expires_at: float | None = None
    revoked_at: float | None = None
    last_used_at: float | None = None
    replaced_by: str = ""

    def usable(self, *, at: float) -> bool:
        """Whether the key opens anything at that time."""
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)

    def facts(self) -> dict[str, str]:
        """What an audit event tells of the key."""
        return {
            "key_id": self.id,
            "key_tenant": self.tenant,
            "key_owner": self.user_id,
            "key_roles": ",".join(sorted(self.roles)),
            "key_permissions": ",".join(sorted(self.permissions)),
            "key_attributes": ",".join(f"{name}={value}" for name, value in sorted(self.attributes.items())),
        }

    def caller(self, *, credential: str) -> Caller:
        """The owner, with what the key grants now."""
        return Caller(
            user_id=self.user_id,
            tenant=self.tenant,
            credential=credential,
            roles=self.roles,
            permissions=self.permissions,
            attributes=self.attributes,
        )


class KeyStore(Protocol):
    """Keeps key records.

    Failure mode: raises `DependencyDown`, from every method. Whoever asks decides how long an earlier answer still
    stands. A row that cannot be read locks out its own key and no other: it is left out, logged and counted.
    """

    async def add(self, record: KeyRecord) -> bool:
        """Keeps a record; False, and nothing changes, when there is one with this id."""
        ...

    async def revoke(self, key_id: str, *, at: float) -> bool:
        """Withdraws a key for good; False when there is none with this id. The first time of revoking stays."""
        ...

    async def replace(self, key_id: str, heir: KeyRecord, *, ends_at: float) -> bool:
        """Keeps the heir, and lets the key expire at `ends_at` or when it would anyway: both or neither.

        False, and nothing changes, when there is no such key, it is revoked or has an heir, or there is one with this
        heir's id.
        """
        ...

    async def redigest(self, key_id: str, *, old: bytes, new: bytes, pepper: str) -> bool:
        """Puts another digest in the place of `old`; False when that is not there (any more)."""
        ...

    async def touch(self, used: Mapping[str, float]) -> None:
        """Notes when keys, by id, were last used; a later time that is there stays. No new version."""
        ...

    async def find(self, key_id: str) -> KeyRecord | None:
        """The record of that id, revoked or expired as it may be; None when there is none that can be read."""
        ...

    async def load(self) -> Sequence[KeyRecord]:
        """Every record, the revoked and expired ones too, in order of their ids."""
        ...

    async def version(self) -> tuple[int, ...]:
        """Cheap to ask; differs after every method above, `touch` left out, that has changed something."""
        ...

    @property
    def unreadable(self) -> int:
        """How many rows the last `load` left out."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshRecord:
    """What is kept of a refresh token.

    Attributes:
        id: The public part of the token; unique.
        digest: See `Pepper.digest`.
        pepper: The id of the pepper it was made with.
        session: The session it belongs to.
        key_id: The API key the session was begun with.
        expires_at: From then on it is refused; seconds since 1970, as are the other times.
        spent_at: When it was exchanged for the next one; None when it was not.
        revoked: Whether its session was revoked.
    """

    id: str
    digest: bytes = field(repr=False)
    pepper: str
    session: str
    key_id: str
    expires_at: float
    spent_at: float | None = None
    revoked: bool = False


class Revocation(NamedTuple):
    """A session that was revoked. Numbers only grow, in the order in which they can be seen."""

    number: int
    session: str
    at: float


class SessionStore(Protocol):
    """Keeps refresh tokens, and which sessions were revoked. A session is what one `POST /auth/token` began.

    Failure mode: raises `DependencyDown`, from every method.
    """

    async def begin(self, token: RefreshRecord) -> None:
        """Keeps a new session with its first token."""
        ...

    async def find(self, token_id: str) -> RefreshRecord | None:
        """What is kept of a token, spent and expired ones too."""
        ...

    async def exchange(self, token_id: str, heir: RefreshRecord, *, at: float) -> bool:
        """Spends a token and keeps its heir, of the same session: both or neither.

        False, and nothing changes, when it was spent before or its session is revoked: of many who come with one token,
        one is served.
        """
        ...

    async def revoke(self, session: str, *, at: float) -> bool:
        """Revokes a session; False when there is none, or it was revoked before."""
        ...

    async def revocations(self, *, after: int, since: float) -> Sequence[Revocation]:
        """What was revoked at `since` or later, with a number above `after`, in order of the numbers."""
        ...

    async def prune(self, *, before: float, limit: int) -> int:
        """Removes up to `limit` tokens, and as many sessions, that expired before that time; how many in all."""
        ...
