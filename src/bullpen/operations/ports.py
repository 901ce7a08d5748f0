"""What scaling and self-tuning need of the rooms they look after."""

from typing import Protocol

__all__ = ["Lanes", "Preferences", "Pressure", "Shrinkable"]


class Pressure(Protocol):
    """How hard the pool is pressed at one moment."""

    @property
    def waiting(self) -> int:
        """Requests that wait for a lane."""
        ...

    @property
    def in_use(self) -> int:
        """Lanes that are lent."""
        ...


class Lanes(Protocol):
    """The lanes of this process. Nothing here waits or raises, and a run that has its lane keeps it."""

    @property
    def lanes(self) -> int:
        """How many may be lent now."""
        ...

    def pressure(self) -> Pressure:
        """The figures of this moment."""
        ...

    def resize(self, lanes: int) -> None:
        """Lends so many at once from now on, unless the bound is lower."""
        ...

    def bound(self, lanes: int | None) -> None:
        """Never lends more than so many, whatever `resize` says; None lifts the bound."""
        ...


class Shrinkable(Protocol):
    """Something that holds memory it could do without, such as a cache.

    Failure mode: open. What `shrink` or `restore` raises is logged, and the others are asked all the same.
    """

    @property
    def name(self) -> str:
        """In the log and in reports; one of its own."""
        ...

    @property
    def size(self) -> int:
        """How much it holds now, in bytes or in entries as it likes."""
        ...

    def shrink(self, part: float) -> int:
        """Drops about `part`, in (0, 1], of what it holds, holds no more than the rest, and says how much that was."""
        ...

    def restore(self) -> None:
        """May hold as much as it was set up for again."""
        ...


class Preferences(Protocol):
    """Which model is asked first. Both calls are idempotent and neither waits."""

    def prefer_fallback(self, model: str) -> None:
        """Asks the fallback of `model` first from now on, and `model` after it."""
        ...

    def restore(self, model: str) -> None:
        """Asks `model` first again."""
        ...
