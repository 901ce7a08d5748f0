"""What a lane costs: lent and returned, with more and more requests waiting; CPU of one process, no HTTP, no model."""

import asyncio
import time
from collections.abc import Sequence
from statistics import median
from typing import Any, Final

from bullpen.pool import LaneKind
from bullpen.pool.local import LocalPool
from bullpen.resilience import Deadline
from bullpen.telemetry import Metrics

__all__ = ["measured"]

WAITING: Final = (0, 100, 1000, 10_000)
ROUND: Final = 2000  # lanes
MICROS: Final = 1e6


def measured(*, rounds: int) -> str:
    """The table; the median of so many rounds."""
    lines = ["| waiting | tenants | lent and returned, µs | through the queue, µs |", "|---|---|---|---|"]
    for waiting in WAITING:
        for tenants in (1, waiting) if waiting else (1,):
            samples = [asyncio.run(_sample(waiting, tenants)) for _ in range(rounds)]
            direct, queued = (median(column) for column in zip(*samples, strict=True))
            lines.append(
                f"| {waiting:,} | {tenants:,} | {direct:.1f} | {queued:.1f} |"
                if waiting
                else f"| 0 | 1 | {direct:.1f} | |"
            )
    return "\n".join(lines)


async def _sample(waiting: int, tenants: int) -> Sequence[float]:
    """Lanes of one type while a crowd waits for another; then the crowd itself, one after the other."""
    pool = LocalPool(
        kinds=[_kind("wanted", 1), _kind("free", None)],
        metrics=Metrics(),
        size=100,
        max_wait=600,
        max_waiting=max(WAITING),
    )
    async with pool.lane("wanted", tenant="0", priority=3, deadline=Deadline.after(600)):
        crowd = [
            asyncio.create_task(_visit(pool, "wanted", tenant=str(number % tenants), priority=1 + number % 5))
            for number in range(waiting)
        ]
        await _visit(pool, "free", tenant="0", priority=3)
        began = time.process_time()
        for _ in range(ROUND):
            await _visit(pool, "free", tenant="0", priority=3)
        direct = (time.process_time() - began) / ROUND
        began = time.process_time()
    await asyncio.gather(*crowd)
    return direct * MICROS, (time.process_time() - began) / max(1, waiting) * MICROS


async def _visit(pool: LocalPool, agent_type: str, *, tenant: str, priority: int) -> None:
    async with pool.lane(agent_type, tenant=tenant, priority=priority, deadline=Deadline.after(600)):
        pass


def _kind(agent_type: str, most: int | None) -> LaneKind:
    async def build() -> Any:
        return object()

    async def close(_: Any) -> None:
        pass

    return LaneKind(agent_type=agent_type, build=build, close=close, max_concurrent=most)
