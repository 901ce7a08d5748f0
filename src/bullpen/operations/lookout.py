"""One dependency, looked at again and again, and what became of it."""

import asyncio
from math import inf
from typing import Final

import structlog

from bullpen.clock import Clock
from bullpen.errors import BullpenError
from bullpen.operations.dependency import Dependency, Finding, State
from bullpen.telemetry import Metrics

__all__ = ["Lookout"]

_UNSEEN: Final = "unseen"
_NEWS: Final = {"failing": "dependency_failing", "down": "dependency_down"}

_log = structlog.get_logger("bullpen.operations")


class Lookout:
    """Knows the state of one dependency.

    One that was never up is `down`: nothing may lean on it before its first good look. Afterwards the first failure
    makes it `failing`, the last of `most` in a row `down`, and one good look `up`.
    """

    def __init__(self, dependency: Dependency, *, metrics: Metrics, most: int, timeout: float, clock: Clock) -> None:
        """`timeout` bounds each look, in seconds."""
        self.name = dependency.name
        self._dependency = dependency
        # Labelled by the first look: what was not looked at yet is not away, and one worker more is no outage.
        self._gauge = metrics.dependency_up
        self._most = most
        self._timeout = timeout
        self._clock = clock
        self._state: State | None = None
        self._failures = 0
        self._error: str | None = _UNSEEN
        self._since, self._since_monotonic = clock.now(), clock.monotonic()
        self._began_at = self._ended_at = -inf
        self._look: asyncio.Task[None] | None = None
        self._asked: asyncio.Task[None] | None = None

    @property
    def age(self) -> float:
        """Seconds since it was looked at; infinite before the first time."""
        return self._clock.monotonic() - self._ended_at

    @property
    def finding(self) -> Finding:
        """What is known now."""
        seen = self._state is not None
        return Finding(
            state=self._state or "down",
            required=self._dependency.required,
            age=self.age if seen else None,
            latency=self._ended_at - self._began_at if seen else None,
            since=self._since,
            failures=self._failures,
            error=self._error,
        )

    def due(self, *, every: float, again: float) -> bool:
        """Whether it is time to look: `again` seconds after a look that left it in doubt, `every` after any other."""
        pause = again if self._state == "failing" else every
        return self._clock.monotonic() - self._began_at >= pause

    def look(self) -> asyncio.Task[None]:
        """The look that is under way, or a new one; it does not fail, and belongs to nobody who waits for it."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._see(), name=f"look-{self.name}")
        return self._look

    async def aclose(self) -> None:
        """Ends a look that is under way; a check that does not end on being cancelled is left behind in time."""
        under_way = [task for task in (self._look, self._asked) if task is not None and not task.done()]
        for task in under_way:
            task.cancel()
        if under_way:
            await asyncio.wait(under_way, timeout=self._timeout)

    async def _see(self) -> None:
        began = self._clock.monotonic()
        error = await self._ask()
        self._began_at, self._ended_at = began, self._clock.monotonic()
        self._error = error
        self._failures = 0 if error is None else self._failures + 1
        self._gauge.labels(self.name).set(error is None)
        self._become(self._judged())

    def _judged(self) -> State:
        if not self._failures:
            return "up"
        return "failing" if self._state in {"up", "failing"} and self._failures < self._most else "down"

    def _become(self, state: State) -> None:
        before, self._state = self._state, state
        if state == before:
            return
        lasted = self._clock.monotonic() - self._since_monotonic
        self._since, self._since_monotonic = self._clock.now(), self._clock.monotonic()
        if state != "up":
            required = self._dependency.required
            _log.warning(_NEWS[state], dependency=self.name, required=required, error=self._error)
        elif before is not None:
            _log.info("dependency_back", dependency=self.name, was=before, lasted=round(lasted, 3))

    async def _ask(self) -> str | None:
        """What kind of failure this look met, or None."""
        # A client may swallow its cancellation and hang on. There is one question at a time, so such ones cannot pile
        # up, and the wait for it ends in time whatever it does.
        if self._asked is None or self._asked.done():
            self._asked = asyncio.create_task(self._question(), name=f"ask-{self.name}")
            self._asked.add_done_callback(_observed)
        asked = self._asked
        await asyncio.wait((asked,), timeout=self._timeout)
        if not asked.done():
            asked.cancel()
            return "timeout"
        return "timeout" if asked.cancelled() else _kind(asked.exception())

    async def _question(self) -> None:
        await self._dependency.check()


def _observed(asked: asyncio.Task[None]) -> None:
    if not asked.cancelled():
        asked.exception()  # looked at, so that asyncio does not report one that nobody waits for


def _kind(error: BaseException | None) -> str | None:
    match error:
        case None:
            return None
        case TimeoutError():
            return "timeout"
        case BullpenError():
            return error.kind
        case _:
            return "error"
