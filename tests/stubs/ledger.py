"""What the stub model provider was asked, and how each call ended."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal

from aiohttp import ClientConnectionResetError

__all__ = ["Call", "Ledger", "Stage"]

Stage = Literal["arrived", "ended", "disconnected"]


@dataclass(slots=True, kw_only=True)
class Call:
    """One model call as the provider saw it.

    Attributes:
        headers: Names in lower case.
        started_at: `time.monotonic()`, which all processes of one machine share.
        ended_at: When the answer was out, or the client gone; None while it lasts.
        disconnected: The client went away before the end.
    """

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    started_at: float
    ended_at: float | None = None
    disconnected: bool = False

    @property
    def model(self) -> str:
        return str(self.body["model"])

    def reached(self, stage: Stage) -> bool:
        if stage == "arrived":
            return True
        return self.ended_at is not None and (stage == "ended" or self.disconnected)


class Ledger:
    """Every call since the last reset, in order of arrival."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._changed = asyncio.Event()

    @contextmanager
    def recording(self, call: Call) -> Iterator[None]:
        """Records `call` for the length of the block, and how the block ends."""
        self._calls.append(call)
        self._tell()
        try:
            yield
        except (asyncio.CancelledError, ClientConnectionResetError):
            call.disconnected = True
            raise
        finally:
            call.ended_at = time.monotonic()
            self._tell()

    async def wait(self, *, count: int, stage: Stage, within: float) -> bool:
        """Whether `count` calls reached `stage` within so many seconds."""
        try:
            async with asyncio.timeout(within):
                while sum(call.reached(stage) for call in self._calls) < count:
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def reset(self) -> None:
        self._calls.clear()

    def dump(self) -> list[dict[str, Any]]:
        return [asdict(call) for call in self._calls]

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
