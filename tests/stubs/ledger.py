"""What the stub model provider was asked, and how each call ended."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from aiohttp import ClientConnectionResetError

__all__ = ["Call", "Counts", "Ledger", "Stage"]

Stage = Literal["arrived", "ended", "disconnected"]


@dataclass(slots=True, kw_only=True)
class Call:
    """One model call as the provider saw it.

    Attributes:
        headers: Names in lower case.
        started_at: `time.monotonic()`, which all processes of one machine share.
        ended_at: When the answer was out, or the client gone; None while it lasts.
        disconnected: The client went away before the end.
        status: Of the answer, once that is known.
    """

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    started_at: float
    ended_at: float | None = None
    disconnected: bool = False
    status: int = 0

    @property
    def model(self) -> str:
        return str(self.body["model"])

    def reached(self, stage: Stage) -> bool:
        if stage == "arrived":
            return True
        return self.ended_at is not None and (stage == "ended" or self.disconnected)


@dataclass(slots=True, kw_only=True)
class Counts:
    """The calls of one model.

    Attributes:
        answered: Those whose answer, good or bad, went out to its end.
        aborted: Those the client left before.
        open: Those that last.
        arrivals: When each came; `time.monotonic()`.
        refusals: When each answer of status 429 or 529 was out.
    """

    answered: int = 0
    aborted: int = 0
    open: int = 0
    arrivals: list[float] = field(default_factory=list)
    refusals: list[float] = field(default_factory=list)

    @property
    def arrived(self) -> int:
        return len(self.arrivals)

    def begin(self, call: Call) -> None:
        self.open += 1
        self.arrivals.append(call.started_at)

    def end(self, call: Call, *, at: float) -> None:
        self.open -= 1
        self.aborted += call.disconnected
        self.answered += not call.disconnected
        if call.status in {429, 529}:
            self.refusals.append(at)


class Ledger:
    """Every call since the last reset, in order of arrival."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._counts: defaultdict[str, Counts] = defaultdict(Counts)
        self._changed = asyncio.Event()

    @contextmanager
    def recording(self, call: Call) -> Iterator[None]:
        """Records `call` for the length of the block, and how the block ends."""
        counts = self._counts[call.model]
        self._calls.append(call)
        counts.begin(call)
        self._tell()
        try:
            yield
        except (asyncio.CancelledError, ClientConnectionResetError):
            call.disconnected = True
            raise
        finally:
            call.ended_at = time.monotonic()
            counts.end(call, at=call.ended_at)
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
        """Forgets every call; those that last are counted by nobody."""
        self._calls.clear()
        self._counts.clear()

    def dump(self) -> list[dict[str, Any]]:
        return [asdict(call) for call in self._calls]

    def counts(self) -> dict[str, dict[str, Any]]:
        """By model id."""
        return {model: asdict(counts) for model, counts in self._counts.items()}

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
