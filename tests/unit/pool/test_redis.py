"""Places on Redis, without one; tests/contract has the rest."""

import asyncio
import socket

from structlog.testing import capture_logs

from bullpen.pool.ports import Places
from bullpen.pool.redis import RedisPlaces
from bullpen.stores import open_redis
from bullpen.telemetry import Metrics


async def test_failure_mode_degraded_each_replica_has_its_part() -> None:
    """Where nobody answers, whoever waits is told soon, and two of five places are this one's of two replicas."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    client, metrics, freed = open_redis(f"redis://127.0.0.1:{port}"), Metrics(), asyncio.Event()
    places = RedisPlaces(client, {"a": 5}, metrics=metrics, replicas=lambda: 2)
    port_of: Places = places
    port_of.watch(freed.set)
    places.start()
    with capture_logs() as logged:
        assert not places.free("a")
        assert places.most("a") == 5
        places.want("a", 3)
        async with asyncio.timeout(10):
            await freed.wait()
    assert [line["event"] for line in logged] == ["lane_places_degraded"]
    assert b"bullpen_lane_places_degraded 1.0" in metrics.render()
    assert (places.degraded, places.most("a")) == (True, 2)
    taken = 0
    while places.free("a"):
        places.take("a")
        taken += 1
    assert taken == 2
    places.give("a")
    assert places.free("a")
    await places.aclose()
    await client.aclose()


async def test_a_type_without_a_bound_never_touches_redis() -> None:
    """It is free, whatever is taken."""
    client = open_redis("redis://127.0.0.1:1")
    places = RedisPlaces(client, {}, metrics=Metrics())
    places.start()
    for _ in range(3):
        places.take("b")
        places.want("b", 7)
        assert places.free("b")
        assert places.most("b") is None
    places.give("b")
    await places.aclose()
    assert not places.degraded
    await client.aclose()
