"""How many replicas there are: each says every few seconds that it lives, and counts those who said so lately."""

from contextlib import suppress
from typing import Final
from uuid import uuid4

from redis.asyncio import Redis, RedisCluster

from bullpen.errors import DependencyDown
from bullpen.rounds import Rounds
from bullpen.stores.redis import redis_errors

__all__ = ["Presence"]

_KEY: Final = "bullpen:{rl}:replicas"
_SCRIPT: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
"""
_MISSED: Final = 3  # a replica that missed so many of its turns is gone


class Presence:
    """Counts the replicas that share one Redis.

    Failure mode: the last number stands while Redis is away, and never falls below `least`.
    """

    def __init__(self, client: Redis | RedisCluster, *, least: int = 1, every: float = 5.0) -> None:
        """`least` is `LIMITS__REPLICAS`; `every` is in seconds."""
        self._client = client
        self._least = least
        self._every = every
        self._name = uuid4().hex
        self._seen = 1
        self._rounds = Rounds(self.tell, every=every, name="presence")

    @property
    def replicas(self) -> int:
        """How many were seen last, or `least` if that is more."""
        return max(self._seen, self._least)

    async def tell(self) -> None:
        """Says once that this replica lives, and counts.

        Raises:
            DependencyDown: Redis is away.
        """
        lasting = round(self._every * _MISSED * 1000)
        with redis_errors():
            self._seen = int(await self._client.eval(_SCRIPT, 1, _KEY, self._name, lasting))

    def start(self) -> None:
        """Tells, and goes on telling, in the background."""
        self._rounds.start()
        self._rounds.wake()

    async def aclose(self) -> None:
        """Stops, and says goodbye if Redis is there to hear it."""
        await self._rounds.aclose()
        with suppress(DependencyDown), redis_errors():
            await self._client.zrem(_KEY, self._name)
