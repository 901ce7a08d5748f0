"""An outbox for whoever owns the machine."""

from bullpen.outbox import Fact, Outbox
from bullpen.outbox.nowhere import Nowhere


async def test_nothing_is_kept_and_nothing_fails() -> None:
    """It takes everything, also what is strict, and is never degraded."""
    outbox: Outbox = Nowhere()
    await outbox.append([Fact("1", "audit", b"{}")], strict=True)
    await outbox.settle()
    assert not outbox.degraded
