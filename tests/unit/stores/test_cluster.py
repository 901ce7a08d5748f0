"""Opening a cluster; tests/contract/test_limiter_cluster.py has one of three nodes."""

from collections.abc import Callable

import pytest
from redis.exceptions import ClusterCrossSlotError, MovedError, RedisClusterException

from bullpen.errors import DependencyDown, Misconfigured
from bullpen.stores import is_cluster, open_cluster, open_redis
from bullpen.stores.redis import redis_errors


def told(url: str, password: str | Callable[[], str | None] | None) -> object:
    return open_cluster(url, password=password).connection_kwargs.get("password")


@pytest.mark.parametrize(
    ("url", "several"),
    [("redis+cluster://h", True), ("valkeys+cluster://h", True), ("redis://cluster", False), ("redis://h", False)],
)
def test_the_url_says_whether_it_is_one(url: str, several: bool) -> None:
    """By its scheme; and one node of it can be spoken to either way."""
    assert is_cluster(url) is several
    assert open_redis(url).connection_pool.connection_kwargs["host"] == url.partition("://")[2]


def test_a_password_completes_the_url() -> None:
    """As for a single server: the URL's own wins, and one that may change is asked for at each connection."""
    assert told("redis+cluster://h", "given") == "given"
    assert told("redis+cluster://:own@h", "given") == "own"
    assert told("redis+cluster://h", "") is None
    asked = open_cluster("redis+cluster://ann@h", password=lambda: "now").connection_kwargs
    assert asked["credential_provider"].get_credentials() == ("ann", "now")
    assert told("redis+cluster://ann@h", lambda: None) is None


def test_tls_is_a_matter_of_the_scheme() -> None:
    """`rediss+cluster:` encrypts."""
    kind = open_cluster("rediss+cluster://h").connection_kwargs["connection_class"]
    assert "SSL" in kind.__name__


@pytest.mark.parametrize(
    "url", ["http://:hunter2@h", "redis+cluster://h/5?password=hunter2", "redis+cluster://h:hunter2"]
)
def test_another_url_is_refused_without_repeating_it(url: str) -> None:
    """Databases are not for clusters; and no password reaches the log."""
    with pytest.raises(Misconfigured, match=r"redis\+cluster") as caught:
        open_cluster(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_key_on_another_node_is_told_with_the_remedy() -> None:
    """Whoever wrote `redis://` for a cluster reads what to write instead."""
    for error in (MovedError("7718 127.0.0.1:7001"), ClusterCrossSlotError("no")):
        with pytest.raises(DependencyDown, match=r"redis\+cluster"), redis_errors():
            raise error
    with pytest.raises(DependencyDown, match="did not do what it was asked"), redis_errors():
        raise RedisClusterException("no node answers")
