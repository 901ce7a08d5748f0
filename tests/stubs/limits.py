"""Buckets to charge, a shared limiter that comes and goes, and a process that asks for more than it gets."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from bullpen.errors import DependencyDown
from bullpen.limits.gcra import MICROSECONDS, Limit
from bullpen.limits.local import LocalLimiter
from bullpen.limits.ports import Bucket, Cap, Charge, Lease, Verdict
from bullpen.limits.redis import RedisLimiter
from bullpen.stores import open_redis

__all__ = ["ComesAndGoes", "bucket", "until"]


def bucket(key: str = "ada", *, name: str = "user", rate: int = 1, per: float = 1.0, burst: int = 3) -> Bucket:
    """`per` is in seconds."""
    return Bucket(name, key, Limit(rate, round(per * MICROSECONDS), burst))


async def until(happens: Callable[[], Awaitable[bool]]) -> None:
    """Asks again and again until it is so; `TimeoutError` after half a minute."""
    async with asyncio.timeout(30):
        while True:
            if await happens():
                return
            await asyncio.sleep(0.01)


class ComesAndGoes:
    """A limiter that answers, fails, says nothing at all, or does not even heed being cancelled, as told."""

    def __init__(self) -> None:
        self.mood = "there"
        self.asked = 0
        self.heard = asyncio.Event()
        self._limiter = LocalLimiter()

    async def admit(self, charges: Sequence[Charge], *, caps: Sequence[Cap] = (), lease: float = 300.0) -> Verdict:
        await self._think()
        return await self._limiter.admit(charges, caps=caps, lease=lease)

    async def correct(self, charges: Sequence[Charge]) -> None:
        await self._think()
        await self._limiter.correct(charges)

    async def release(self, lease: Lease) -> None:
        await self._think()
        await self._limiter.release(lease)

    async def _think(self) -> None:
        self.asked += 1
        if self.mood == "silent":
            await asyncio.Event().wait()
        if self.mood == "deaf":
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            await self.heard.wait()
        if self.mood == "failing":
            raise DependencyDown("Redis did not do what it was asked.")


async def _hammer(url: str, *, processes: int, seconds: float, each: float, charged: Bucket) -> None:
    """Waits for the other processes, asks `each` times a second, and writes every moment and whether it was let in."""
    client = open_redis(url)
    limiter = RedisLimiter(client)
    loop = asyncio.get_running_loop()
    asked, verdicts = 0, list[Verdict]()
    await client.incr(f"ready:{charged.key}")

    async def all_are_ready() -> bool:
        return int(await client.get(f"ready:{charged.key}") or 0) >= processes

    await until(all_are_ready)
    began = loop.time()
    while (elapsed := loop.time() - began) < seconds:
        due = int(elapsed * each) - asked
        verdicts += await asyncio.gather(*(limiter.admit([Charge(charged)]) for _ in range(due)))
        asked += due
        await asyncio.sleep(0.01)
    await client.aclose()
    sys.stdout.writelines(f"{verdict.at} {verdict.admitted:d}\n" for verdict in verdicts)


if __name__ == "__main__":
    _, redis_url, key, processes, lasting, frequency, rate, burst = sys.argv
    asked_for = bucket(key, rate=int(rate), burst=int(burst))
    asyncio.run(
        _hammer(redis_url, processes=int(processes), seconds=float(lasting), each=float(frequency), charged=asked_for)
    )
