"""Buckets to charge, a shared limiter that comes and goes, and a process that asks for more than it gets."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final, Literal, cast

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from bullpen.clock import Clock
from bullpen.errors import DependencyDown
from bullpen.limits.gcra import MICROSECONDS, Limit
from bullpen.limits.local import LocalLimiter
from bullpen.limits.ports import Bucket, Cap, Charge, Lease, Verdict
from bullpen.limits.redis import RedisLimiter
from bullpen.stores import open_redis

__all__ = ["ComesAndGoes", "bucket", "still", "until"]

# Runs before the limiter's script: time is what the test says, and no key goes by itself, for real time goes on.
_STILL: Final = """
local server, moment = redis, {{ {seconds}, {microseconds} }}
local redis = {{ call = function(name, ...)
  if name == 'TIME' then return moment end
  if name == 'PEXPIRE' then return 1 end
  if name == 'SET' then local key, value = ... return server.call('SET', key, value) end
  return server.call(name, ...)
end }}
"""


def bucket(
    key: str = "ada",
    *,
    name: str = "user",
    rate: int = 1,
    per: float = 1.0,
    burst: int = 3,
    unit: Literal["requests", "tokens"] = "requests",
) -> Bucket:
    """`per` is in seconds."""
    return Bucket(name, key, Limit(rate, round(per * MICROSECONDS), burst), unit)


class _Still:
    """A client of a server whose clock is the test's."""

    def __init__(self, client: Redis, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def evalsha(self, *_: object) -> object:
        raise NoScriptError

    async def eval(self, script: str, *arguments: Any) -> object:
        seconds, microseconds = divmod(round(self._clock.monotonic() * MICROSECONDS), MICROSECONDS)
        return await self._client.eval(_STILL.format(seconds=seconds, microseconds=microseconds) + script, *arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def still(client: Redis, clock: Clock) -> Redis:
    """The client, of a server that takes the time from `clock`."""
    return cast("Redis", _Still(client, clock))


async def until(happens: Callable[[], Awaitable[bool]]) -> None:
    """Asks again and again until it is so; `TimeoutError` after half a minute."""
    async with asyncio.timeout(30):
        while True:
            if await happens():
                return
            await asyncio.sleep(0.01)


class ComesAndGoes:
    """A limiter that answers, at once or late, fails, says nothing, or does not even heed being cancelled, as told."""

    def __init__(self) -> None:
        self.mood = "there"
        self.asked = 0
        self.heard = asyncio.Event()
        self._limiter = LocalLimiter()

    async def admit(self, charges: Sequence[Charge], *, caps: Sequence[Cap] = (), lease: float = 300.0) -> Verdict:
        if self.mood != "late":
            await self._think()
        verdict = await self._limiter.admit(charges, caps=caps, lease=lease)
        if self.mood == "late":
            await self.heard.wait()
        return verdict

    async def settle(self, verdict: Verdict, *, tokens: int) -> None:
        await self._think()
        await self._limiter.settle(verdict, tokens=tokens)

    async def release(self, lease: Lease) -> None:
        await self._think()
        await self._limiter.release(lease)

    async def active(self) -> int:
        await self._think()
        return await self._limiter.active()

    async def _think(self) -> None:
        self.asked += 1
        if self.mood == "silent":
            await asyncio.Event().wait()
        if self.mood == "deaf":
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            await self.heard.wait()
        if self.mood == "three turns away":
            for _ in range(3):
                await asyncio.sleep(0)
        if self.mood == "failing":
            raise DependencyDown("Redis did not do what it was asked.")


_TOGETHER: Final = 50


async def _hammer(url: str, *, processes: int, seconds: float, each: float, charged: Charge) -> None:
    """Waits for the other processes, asks `each` times a second, and writes every moment and whether it was let in."""
    client = open_redis(url, connect_timeout=30, command_timeout=30)  # a busy machine is no reason to give up
    limiter = RedisLimiter(client)
    loop = asyncio.get_running_loop()
    asked, verdicts = 0, list[Verdict]()
    await client.incr(f"ready:{charged.bucket.key}")

    async def all_are_ready() -> bool:
        return int(await client.get(f"ready:{charged.bucket.key}") or 0) >= processes

    await until(all_are_ready)
    began = loop.time()
    while (elapsed := loop.time() - began) < seconds:
        due = min(int(elapsed * each) - asked, _TOGETHER)
        verdicts += await asyncio.gather(*(limiter.admit([charged]) for _ in range(due)))
        asked += due
        await asyncio.sleep(0.01)
    await client.aclose()
    sys.stdout.writelines(f"{verdict.at} {verdict.admitted:d}\n" for verdict in verdicts)


if __name__ == "__main__":
    _, redis_url, key, counted, processes, lasting, frequency, rate, burst, cost = sys.argv
    unit: Literal["requests", "tokens"] = "tokens" if counted == "tokens" else "requests"
    level = bucket(key, name=f"user-{counted}", rate=int(rate), burst=int(burst), unit=unit)
    asked_for = Charge(level, int(cost))
    asyncio.run(
        _hammer(redis_url, processes=int(processes), seconds=float(lasting), each=float(frequency), charged=asked_for)
    )
