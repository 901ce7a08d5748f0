"""Actions that are done only when they are on record."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bullpen.caller import Caller
from bullpen.security.audit import Audit, EventType

__all__ = ["strictly"]


@asynccontextmanager
async def strictly(audit: Audit, kind: EventType, caller: Caller | None, **details: Any) -> AsyncIterator[None]:
    """Records an action before the block does it, as firmly as the mode promises.

    A block that fails, or is not entered, leaves a second event with the outcome `error`: what was on record before was
    then not done, or, when a store went away in the middle of it, perhaps.

    Raises:
        DependencyDown: It cannot be recorded so, and was not done.
    """
    try:
        audit.record(kind, caller, **details)
        await audit.commit(strict=True)
        yield
    except BaseException:
        audit.record(kind, caller, outcome="error", **details)
        raise
