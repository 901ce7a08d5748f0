"""Redis, or Valkey, which speaks the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from bullpen.errors import DependencyDown, Misconfigured

__all__ = ["open_redis", "ping", "redis_errors"]

_SCHEMES: Final = {"valkey://": "redis://", "valkeys://": "rediss://"}


def open_redis(
    url: str, *, password: str | None = None, connect_timeout: float = 2.0, command_timeout: float = 2.0
) -> Redis:
    """Prepares a client; connects only when it is first used. The caller closes it with `aclose()`.

    A connection that was lost while it lay idle is replaced once, at once; any other failure is the caller's to see.

    Args:
        url: `redis://`, `rediss://` (TLS), `valkey://`, `valkeys://` or `unix://`.
        password: Completes a URL without one.
        connect_timeout: Longest wait for a connection, seconds.
        command_timeout: Longest wait for the answer to one command, seconds.

    Raises:
        Misconfigured: The URL cannot be read.
    """
    for scheme, same in _SCHEMES.items():
        if url.startswith(scheme):
            url = same + url.removeprefix(scheme)
    try:
        _refuse_a_name(url)
        client = Redis.from_url(
            url,
            password=password or None,
            socket_connect_timeout=connect_timeout,
            socket_timeout=command_timeout,
            retry=Retry(NoBackoff(), 1),
        )
        # The client would find an unknown option only when it connects, again and again.
        client.connection_pool.connection_class(**client.connection_pool.connection_kwargs)
    except (ValueError, TypeError):
        # The cause is left out: it may quote the URL, and with it the password.
        raise Misconfigured("The Redis URL cannot be read. Write it like redis://host:6379/0.") from None
    return client


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
    except (RedisError, OSError) as error:  # a TimeoutError is an OSError
        raise DependencyDown("Redis did not do what it was asked. Try again in a moment.") from error
