"""An outbox for a command of the machine's owner: there is nobody to answer to, and nothing is kept."""

from collections.abc import Sequence

from bullpen.outbox.ports import Fact

__all__ = ["Nowhere"]


class Nowhere:
    """An `Outbox` that keeps nothing, and promises nothing."""

    async def append(self, facts: Sequence[Fact], *, strict: bool = False) -> None:
        """See `Outbox.append`."""

    async def settle(self) -> None:
        """See `Outbox.settle`."""

    @property
    def degraded(self) -> bool:
        """Never: there is nothing to fall short of."""
        return False
