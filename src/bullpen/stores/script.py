"""A Lua script, which Redis, or Valkey, runs in one step and on its own clock."""

from collections.abc import Sequence
from hashlib import sha1
from pathlib import Path
from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.exceptions import NoScriptError

from bullpen.stores.redis import redis_errors

__all__ = ["Script"]


class Script:
    """Sent by its digest; a server that has lost it, by a restart or a flush, gets it again at once."""

    def __init__(self, file: Path) -> None:
        self._text = file.read_text("utf-8")
        self._digest = sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    async def run(
        self, client: Redis | RedisCluster, keys: Sequence[str | bytes], arguments: Sequence[str | float]
    ) -> Any:
        """What the script gives; all `keys` must be on one shard of a cluster.

        Raises:
            DependencyDown: The server did not do it; how long that takes is up to the client.
        """
        with redis_errors():
            try:
                return await client.evalsha(self._digest, len(keys), *keys, *arguments)
            except NoScriptError:
                return await client.eval(self._text, len(keys), *keys, *arguments)
