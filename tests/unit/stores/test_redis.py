"""Opening Redis."""

from typing import Any

import pytest
from redis.exceptions import ResponseError

from bullpen.errors import DependencyDown, Misconfigured
from bullpen.stores.redis import open_redis, redis_errors


def password(url: str, given: str | None) -> object:
    return open_redis(url, password=given).connection_pool.connection_kwargs.get("password")


def test_a_url_without_a_password_takes_the_one_given() -> None:
    """A password in the URL wins over the argument; an empty one is none."""
    assert password("redis://h", "given") == "given"
    assert password("redis://:own@h", "given") == "own"
    assert password("redis://h", "") is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [("redis://h", [("first",), ("second",)]), ("redis://ann@h", [("ann", "first"), ("ann", "second")])],
)
async def test_each_connection_asks_for_the_password_of_the_moment(url: str, shown: list[tuple[str, ...]]) -> None:
    """A password that came as a file may change while the pool lives; the name in the URL stays."""
    passwords = ["first"]
    pool: Any = open_redis(url, password=lambda: passwords[-1]).connection_pool
    asked = []
    for password in ("first", "second"):
        passwords.append(password)
        provider = pool.make_connection().credential_provider
        asked.append(await provider.get_credentials_async())
    assert asked == shown


def test_a_password_in_the_url_wins_over_one_that_may_change() -> None:
    """As over any other; and where there is none to tell, none is sent."""
    for url, told in (("redis://:own@h", "given"), ("redis://h", None)):
        pool = open_redis(url, password=lambda told=told: told).connection_pool  # type: ignore[misc] # a default holds the value
        assert "credential_provider" not in pool.connection_kwargs


@pytest.mark.parametrize(
    ("url", "tls"), [("redis://h", False), ("valkey://h", False), ("rediss://h", True), ("valkeys://h", True)]
)
def test_valkey_has_its_own_schemes(url: str, tls: bool) -> None:
    """`valkey:` means `redis:`, and `valkeys:` means `rediss:`."""
    assert ("SSL" in open_redis(url).connection_pool.connection_class.__name__) is tls


@pytest.mark.parametrize(
    "url", ["http://:hunter2@h", "redis://:x@h:hunter2", "", "hunter2", "redis://h/hunter2", "redis://h/0?hunter2=1"]
)
def test_another_url_is_refused_without_repeating_it(url: str) -> None:
    """No password reaches the log."""
    with pytest.raises(Misconfigured) as caught:
        open_redis(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("error", [ResponseError("no"), ConnectionError(), TimeoutError()])
def test_every_failure_of_the_server_is_translated(error: Exception) -> None:
    """Whoever uses Redis meets one kind of error."""
    with pytest.raises(DependencyDown) as caught, redis_errors():
        raise error
    assert caught.value.__cause__ is error
