"""How many runs of an agent type go on at once, over all replicas."""

from contextlib import AsyncExitStack

from bullpen.agents import Catalogue
from bullpen.bootstrap.ground import Ground
from bullpen.bootstrap.stores import redis_client
from bullpen.pool import Places
from bullpen.pool.places import LocalPlaces
from bullpen.pool.redis import RedisPlaces
from bullpen.settings import Settings
from bullpen.telemetry import Metrics

__all__ = ["open_places"]


def open_places(
    stack: AsyncExitStack, settings: Settings, *, ground: Ground, catalogue: Catalogue, metrics: Metrics
) -> Places:
    """The places of every agent with `max_concurrent`: shared when there is a Redis, else this process's part."""
    most = {each.type: each.max_concurrent for each in catalogue if each.max_concurrent}
    if not settings.redis_url or not most:
        return LocalPlaces(most, replicas=ground.replicas)
    client = redis_client(stack, settings, secrets=ground.secrets)
    places = RedisPlaces(client, most, metrics=metrics, replicas=ground.replicas)
    places.start()
    stack.push_async_callback(places.aclose)
    return places
