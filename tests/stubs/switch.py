"""A dependency that does as it is told."""

import asyncio

__all__ = ["Switch"]


class Switch:
    """Answers, refuses with `error`, or hangs until `gate` is set; with `deaf`, it also ignores being cancelled."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.gate = asyncio.Event()
        self.gate.set()
        self.deaf = False
        self.checks = 0

    async def check(self) -> None:
        self.checks += 1
        while not self.gate.is_set():
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                if not self.deaf:
                    raise
        if self.error is not None:
            raise self.error
