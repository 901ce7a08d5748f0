"""The limiter on Redis, without one; tests/contract has the rest."""

import socket

import pytest

from bullpen.errors import DependencyDown
from bullpen.limits.local import LocalLimiter
from bullpen.limits.ports import Cap, Charge, Lease, Limiter
from bullpen.limits.redis import PREFIX, RedisLimiter
from bullpen.stores import open_redis
from tests.stubs.limits import bucket


async def test_a_redis_that_is_away_is_said_to_be() -> None:
    """Every question raises `DependencyDown`; nothing is admitted by mistake."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    client = open_redis(f"redis://127.0.0.1:{port}")
    limiter: Limiter = RedisLimiter(client)
    with pytest.raises(DependencyDown):
        await limiter.admit([Charge(bucket())], caps=[Cap("user-concurrent", "ada", 1)])
    with pytest.raises(DependencyDown):
        await limiter.settle(await LocalLimiter().admit([Charge(bucket(unit="tokens"), 2)]), tokens=1)
    with pytest.raises(DependencyDown):
        await limiter.active()
    with pytest.raises(DependencyDown):
        await limiter.release(Lease("id", ("user-concurrent:ada",)))
    await client.aclose()


def test_the_prefix_has_the_tag() -> None:
    """The first braces of a key decide its shard, and they are ours."""
    assert PREFIX.index("{rl}") == PREFIX.index("{")
