"""A cluster of Redis, or of Valkey: many nodes, each with its share of the keys."""

from typing import Any

from redis.asyncio import RedisCluster, SSLConnection
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException

from bullpen.errors import Misconfigured
from bullpen.stores.redis import Asking, of_redis
from bullpen.stores.secrets import Password

__all__ = ["is_cluster", "open_cluster"]


def is_cluster(url: str) -> bool:
    """Whether the URL says so, as `redis+cluster://` does."""
    return url.partition("://")[0].endswith("+cluster")


def open_cluster(
    url: str, *, password: Password = None, connect_timeout: float = 2.0, command_timeout: float = 2.0
) -> RedisCluster:
    """Prepares a client that finds each key's node, also after a failover; connects only when it is first used.

    Args:
        url: One node's; it knows the others.
        password: Completes a URL without one, as in `open_redis`.
        connect_timeout: Longest wait for a connection, seconds.
        command_timeout: Longest wait for the answer to one command, seconds.

    Raises:
        Misconfigured: The URL cannot be read.
    """
    try:
        known: dict[str, Any] = {**parse_url(of_redis(url))}
        if callable(password) and not known.get("password") and password():
            # The client takes a name of its own, or a provider that knows it, not both.
            known["credential_provider"] = Asking(known.pop("username", None), password)
        elif not callable(password):
            known.setdefault("password", password or None)
        return RedisCluster(
            ssl=known.pop("connection_class", None) is SSLConnection,
            socket_connect_timeout=connect_timeout,
            socket_timeout=command_timeout,
            retry=Retry(NoBackoff(), 1),
            **known,
        )
    except (ValueError, TypeError, RedisClusterException):
        # The cause is left out: it may quote the URL, and with it the password.
        raise Misconfigured("The Redis URL cannot be read. Write it like redis+cluster://host:6379.") from None
