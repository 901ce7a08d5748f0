"""What the doors and the upkeep ask of the trail once it is written down."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Protocol

from bullpen.security.audit.records import DEFAULT_LIMIT, Page, Verification, Wanted

__all__ = ["AuditLog", "Upkeep"]


class AuditLog(Protocol):
    """The chains, to be read, verified and exported.

    Failure mode: raises `DependencyDown`, and never a part of an answer for the whole.
    """

    async def tenants(self) -> Sequence[str]:
        """Everybody who has a chain, in order."""
        ...

    async def entries(self, wanted: Wanted, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> Page:
        """A page of records, newest first.

        Args:
            wanted: Which.
            limit: How many at most, 1 to 500.
            cursor: The `next` of the page before; None to begin.

        Raises:
            InvalidRequest: The cursor is not one.
        """
        ...

    def export(self, wanted: Wanted) -> AsyncGenerator[bytes, None]:
        """Every record up to now as JSON lines, oldest first, some hundred at a time."""
        ...

    async def verify(self, tenant: str) -> Verification:
        """Walks the chain, from where it was pruned to its end, and names the first row that is wrong."""
        ...

    async def total(self, tenant: str) -> int:
        """How many rows the chain has now."""
        ...

    async def denials(self, tenant: str, *, limit: int = 10) -> Page:
        """The newest refusals among the last 1,000 rows."""
        ...

    async def erase(self, tenant: str, user_id: str) -> int:
        """Erases what the rows say of this user, and returns of how many rows; the chain stays whole.

        What is still in the outbox is not reached: settle it first. The user is not found by `user_id` afterwards.
        """
        ...


class Upkeep(Protocol):
    """What is done to the chains from time to time, by one replica or by a command.

    Failure mode: raises `DependencyDown`; what was done before stays done, and the next time goes on from there.
    """

    async def seal(self) -> int:
        """Signs the end of every chain that grew since its last checkpoint, and returns of how many.

        Checkpoints that an older secret signed are signed again.
        """
        ...

    async def prune(self, *, older_than: float) -> Mapping[str, int]:
        """Removes rows older than so many seconds from the front of every chain; returns how many by tenant.

        A signed stub stays behind. A chain that is not whole is left alone, and told in the log.
        """
        ...

    async def claim(self, chore: str, *, every: float) -> bool:
        """Whether the caller is the one who does this chore now: one of all replicas, once in `every` seconds."""
        ...

    async def disclaim(self, chore: str) -> None:
        """Leaves a claimed chore undone, for whoever looks next."""
        ...
