"""The limiter of all replicas together: one script on one Redis, or Valkey."""

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Final, cast
from uuid import uuid4

from redis.asyncio import Redis, RedisCluster

from bullpen.limits.gcra import MAX_TICKS, MICROSECONDS, needed
from bullpen.limits.ports import Cap, Charge, Lease, Occupancy, Reason, Standing, Verdict
from bullpen.stores.redis import redis_errors
from bullpen.stores.script import Script

__all__ = ["PREFIX", "RedisLimiter"]

PREFIX: Final = "bullpen:{rl}:"
"""Begins every key. The tag in braces puts them all on one shard of a cluster, where a script must find its keys."""

_SCRIPT: Final = Script(Path(__file__).with_name("admit.lua"))
_REASONS: Final[tuple[Reason | None, ...]] = (None, "burst", "excess", "blocked")
_COUNT: Final = """
local cursor, seen, used = '0', 0, 0
repeat
  local found = redis.call('SCAN', cursor, 'COUNT', 500)
  cursor, seen = found[1], seen + #found[2]
  for _, key in ipairs(found[2]) do
    if string.find(key, KEYS[1], 1, true) == 1 and string.find(key, '^[%w-]+:%d+/', #KEYS[1] + 1) then
      used = used + 1
    end
  end
until cursor == '0' or seen >= tonumber(ARGV[1])
if cursor == '0' then return used end
return math.floor(used * redis.call('DBSIZE') / seen)
"""
_LOOKED_AT: Final = 4000  # keys: about a millisecond of the server's
_HEAD: Final = 2  # of the answer: now, and whether it was admitted


class RedisLimiter:
    """Implements `Limiter` on Redis' own clock, in one round trip, whatever the number of levels.

    Failure mode: raises `DependencyDown`; how long that takes is up to the client. A script the server has lost, by a
    restart or a flush, is sent again at once. On a cluster all limits live on one shard.
    """

    def __init__(self, client: Redis | RedisCluster) -> None:
        """Uses `client`, and leaves closing it to its owner."""
        self._client = client
        self._name = uuid4().hex  # no other replica's leases have it
        self._numbers = count()

    async def admit(self, charges: Sequence[Charge], *, caps: Sequence[Cap] = (), lease: float = 300.0) -> Verdict:
        """See `Limiter.admit`."""
        held = self._lease(caps) if caps else None
        keys = [_key(charge.bucket.slot) for charge in charges] + [_key(cap.slot) for cap in caps]
        arguments: list[str | int] = [len(charges), 0, held.id if held else "", round(lease * MICROSECONDS)]
        for charge in charges:
            arguments += _asked(charge)
        arguments += [cap.most for cap in caps]
        return _verdict(await self._run(keys, arguments), charges, caps, held)

    async def settle(self, verdict: Verdict, *, tokens: int) -> None:
        """See `Limiter.settle`."""
        charges = verdict.owed(tokens)
        if not charges:
            return
        arguments: list[str | int] = [len(charges), 1, "", 0]
        for charge in charges:
            arguments += _asked(charge)
        await self._run([_key(charge.bucket.slot) for charge in charges], arguments)

    async def release(self, lease: Lease) -> None:
        """See `Limiter.release`."""
        with redis_errors():
            async with self._client.pipeline(transaction=False) as pipe:
                for slot in lease.slots:
                    pipe.zrem(_key(slot), lease.id)
                await pipe.execute()

    async def active(self) -> int:
        """See `Limiter.active`; looks at no more than some thousand keys, in one round trip."""
        with redis_errors():
            return int(await self._client.eval(_COUNT, 1, PREFIX, _LOOKED_AT))

    def _lease(self, caps: Sequence[Cap]) -> Lease:
        return Lease(f"{self._name}:{next(self._numbers)}", tuple(cap.slot for cap in caps))

    async def _run(self, keys: Sequence[bytes], arguments: Sequence[str | int]) -> list[int]:
        return cast("list[int]", await _SCRIPT.run(self._client, keys, arguments))


def _key(slot: str) -> bytes:
    """A name may be any text, also half a surrogate pair, which a token can carry and UTF-8 cannot."""
    return (PREFIX + slot).encode(errors="surrogatepass")


def _asked(charge: Charge) -> tuple[int, ...]:
    """One charge as the script reads it. No number leaves the range in which a double is exact."""
    bucket, cost, held = charge
    limit = bucket.limit
    need = needed(limit, cost=cost, held=held)
    take = max(-MAX_TICKS, min(MAX_TICKS, cost * limit.cell))
    return (limit.grain, limit.capacity, need, take, limit.per, bucket.burst_block, bucket.excess_block)


def _verdict(answer: Sequence[int], charges: Sequence[Charge], caps: Sequence[Cap], lease: Lease | None) -> Verdict:
    admitted = bool(answer[1])
    after = _HEAD + 3 * len(charges)
    standings = tuple(
        Standing(charge, charge.bucket.limit, answer[at], _REASONS[answer[at + 1]], answer[at + 2])
        for charge, at in zip(charges, range(_HEAD, after, 3), strict=True)
    )
    occupancies = tuple(
        Occupancy(cap, answer[at], "concurrent" if answer[at + 1] else None)
        for cap, at in zip(caps, range(after, len(answer), 2), strict=True)
    )
    return Verdict(admitted, standings, occupancies, lease if admitted else None, answer[0], degraded=False)
