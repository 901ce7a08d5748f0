"""Many requests, each told by the same story, a few at a time."""

import asyncio
from collections.abc import Sequence

from bullpen.caller import Caller
from bullpen.errors import BullpenError
from bullpen.execution.execution import Execution
from bullpen.execution.record import Spend
from bullpen.messages import Answer, Request
from bullpen.resilience import Deadline

__all__ = ["Batch"]


class Batch:
    """Runs the items of a batch with bounded concurrency."""

    def __init__(self, execution: Execution, *, concurrency: int) -> None:
        """`concurrency` is how many items of one batch run at once; the pool bounds all of them together."""
        self._execution = execution
        self._concurrency = concurrency

    async def execute(
        self,
        items: Sequence[Request | BullpenError],
        caller: Caller,
        *,
        deadline: Deadline,
        spend: Spend | None = None,
    ) -> list[Answer | BullpenError]:
        """An answer or an error an item, in the order of the items.

        An item that is an error already, because it was not valid, is passed through. Cancelling the batch cancels
        every item that is still running.
        """
        places = asyncio.Semaphore(self._concurrency)

        async def one(item: Request | BullpenError) -> Answer | BullpenError:
            if isinstance(item, BullpenError):
                return item
            async with places:
                try:
                    return await self._execution.execute(item, caller, deadline=deadline, spend=spend)
                except BullpenError as error:
                    return error

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(item)) for item in items]
        return [task.result() for task in tasks]
