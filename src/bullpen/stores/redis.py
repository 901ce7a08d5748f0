"""Redis, or Valkey, which speaks the same."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import ClusterCrossSlotError, MovedError, RedisClusterException, RedisError

from bullpen.errors import DependencyDown, Misconfigured
from bullpen.stores.secrets import Password

__all__ = ["Asking", "of_redis", "open_redis", "ping", "redis_errors"]

_SCHEMES: Final = {"valkey": "redis", "valkeys": "rediss"}


def open_redis(
    url: str, *, password: Password = None, connect_timeout: float = 2.0, command_timeout: float = 2.0
) -> Redis:
    """Prepares a client; connects only when it is first used. The caller closes it with `aclose()`.

    A connection that was lost while it lay idle is replaced once, at once; any other failure is the caller's to see.

    Args:
        url: `redis://`, `rediss://` (TLS), `valkey://`, `valkeys://` or `unix://`. For `redis+cluster://` it is a
            client of that one node, which can publish and subscribe for the whole cluster; `open_cluster` is for keys.
        password: Completes a URL without one. Where it can change, give what tells it: each new connection asks, and
            those that are open stay.
        connect_timeout: Longest wait for a connection, seconds.
        command_timeout: Longest wait for the answer to one command, seconds.

    Raises:
        Misconfigured: The URL cannot be read.
    """
    url = of_redis(url)
    try:
        _refuse_a_name(url)
        client = Redis.from_url(
            url,
            password=None if callable(password) else password or None,
            socket_connect_timeout=connect_timeout,
            socket_timeout=command_timeout,
            retry=Retry(NoBackoff(), 1),
        )
        known = client.connection_pool.connection_kwargs
        if callable(password) and not known.get("password") and password():
            # The client takes a name of its own, or a provider that knows it, not both.
            known["credential_provider"] = Asking(known.pop("username", None), password)
        # The client would find an unknown option only when it connects, again and again.
        client.connection_pool.connection_class(**known)
    except (ValueError, TypeError):
        # The cause is left out: it may quote the URL, and with it the password.
        raise Misconfigured("The Redis URL cannot be read. Write it like redis://host:6379/0.") from None
    return client


class Asking(CredentialProvider):
    """The name of the URL and the password of the moment."""

    def __init__(self, username: str | None, password: Callable[[], str | None]) -> None:
        self._username = username
        self._password = password

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """What a new connection shows."""
        password = self._password() or ""
        return (self._username, password) if self._username else (password,)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        """The same."""
        return self.get_credentials()


def of_redis(url: str) -> str:
    """The URL as the client wants it: of Redis, and of one node."""
    scheme, colon, rest = url.partition("://")
    scheme = scheme.removesuffix("+cluster")
    return _SCHEMES.get(scheme, scheme) + colon + rest


def _refuse_a_name(url: str) -> None:
    """A database of Redis is a number; the client would take database 0 for a name."""
    parts = urlsplit(url)
    if parts.scheme != "unix" and not parts.path.strip("/").isdecimal() and parts.path.strip("/"):
        raise ValueError


async def ping(client: Redis) -> None:
    """Asks the server for an answer.

    Raises:
        DependencyDown: None came within the client's own bounds.
    """
    with redis_errors():
        await client.ping()


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turns whatever the server does wrong inside the block into `DependencyDown`."""
    try:
        yield
    except (MovedError, ClusterCrossSlotError) as error:
        raise DependencyDown(
            "Redis is one node of a cluster, and what was asked for is on another. Write REDIS_URL as redis+cluster://…"
        ) from error
    except (RedisError, RedisClusterException, OSError) as error:  # a TimeoutError is an OSError
        raise DependencyDown("Redis did not do what it was asked. Try again in a moment.") from error
