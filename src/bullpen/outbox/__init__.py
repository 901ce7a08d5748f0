"""Facts that must not be lost: appended in one write, committed in groups, delivered behind and in order."""

from bullpen.outbox.ports import Consumer, Fact, Outbox

__all__ = ["Consumer", "Fact", "Outbox"]
