"""What is written down, and who hears of it: the words of this room, and its ports."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Consumer", "Fact", "Outbox"]


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened, and must not be lost.

    Attributes:
        id: Unique for ever, 1 to 64 letters, digits, dashes and underscores; a consumer knows a repetition by it.
        topic: Who is to hear of it, such as `audit`.
        body: What happened, as JSON in UTF-8; at most 64 KiB.
    """

    id: str
    topic: str
    body: bytes = field(repr=False)


class Outbox(Protocol):
    """Keeps facts until they are delivered: in the order they were appended, each at least once.

    Failure mode: degraded. An outbox whose shared store is away keeps facts in this process' own folder, says so by
    `degraded`, and refuses what is strict. One that cannot even write there raises `DependencyDown`.
    """

    async def append(self, facts: Sequence[Fact], *, strict: bool = False) -> None:
        """Returns when all of them are recorded, as firmly as the mode promises.

        Args:
            facts: All of them are recorded, or none; an empty sequence costs nothing.
            strict: Recorded in the mode's own place, or not at all.

        Raises:
            DependencyDown: They could not be recorded, or not as strictly as asked.
        """
        ...

    async def settle(self) -> None:
        """Returns when everything this process appended before the call has been delivered.

        Raises:
            DependencyDown: It was not, within the outbox' patience; it will be later.
        """
        ...

    @property
    def degraded(self) -> bool:
        """Whether facts are recorded less firmly than the mode promises."""
        ...


class Consumer(Protocol):
    """Hears of the facts of one topic.

    Failure mode: raises, `DependencyDown` or anything else, and is given the same facts again, in the same order.
    """

    async def deliver(self, facts: Sequence[Fact]) -> None:
        """Takes all of them, or raises and takes none. Facts it has had before, by their ids, change nothing."""
        ...
