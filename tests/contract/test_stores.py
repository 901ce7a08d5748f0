"""Stores answer when they live, and say so in time when they do not."""

import asyncio
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from bullpen.errors import DependencyDown
from bullpen.stores import open_engine, open_redis, redis, sql


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def test_postgres_answers(postgres_url: str) -> None:
    """A live database is pinged without a word."""
    engine = open_engine(postgres_url)
    await sql.ping(engine, timeout=10)
    await engine.dispose()


async def test_valkey_answers(valkey_url: str) -> None:
    """A live server is pinged without a word, by either of its names."""
    for url in (valkey_url, valkey_url.replace("redis://", "valkey://")):
        client = open_redis(url)
        await redis.ping(client, timeout=10)
        await client.aclose()


@pytest.mark.parametrize("port", ["dead", "silent"])
async def test_a_database_that_is_away_is_down_in_time(port: str, silent_port: int) -> None:
    """Nobody there, or nobody answering: `DependencyDown` about as fast as was asked."""
    engine = open_engine(f"postgresql://u:hunter2@127.0.0.1:{1 if port == 'dead' else silent_port}/d")
    started = time.monotonic()
    with pytest.raises(DependencyDown) as caught:
        await sql.ping(engine, timeout=0.5)
    assert time.monotonic() - started < 5
    assert "hunter2" not in f"{caught.value} {caught.value.__cause__!r}"
    await engine.dispose()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"password": "hunter2", "username": "nobody"}, "no such user|user or the password"),
        ({"database": "hunter2"}, "no such user, or no such database"),
        ({"query": {"hunter2": "1"}}, "option that is not known"),
        ({"host": "hunter2.invalid", "query": {}}, "host name is not known"),
    ],
)
async def test_a_postgres_that_refuses_says_why(postgres_url: str, change: dict[str, Any], said: str) -> None:
    """A wrong user, database, option or host is told apart, and none of them is repeated."""
    url = make_url(postgres_url).set(**change)
    engine = open_engine(url.render_as_string(hide_password=False))
    with pytest.raises(DependencyDown, match=said) as caught:
        await sql.ping(engine, timeout=10)
    assert "hunter2" not in caught.value.detail
    await engine.dispose()


@pytest.mark.parametrize("port", ["dead", "silent"])
async def test_a_redis_that_is_away_is_down_in_time(port: str, silent_port: int) -> None:
    """Nobody there, or nobody answering: `DependencyDown` about as fast as was asked."""
    client = open_redis(f"redis://:hunter2@127.0.0.1:{1 if port == 'dead' else silent_port}")
    started = time.monotonic()
    with pytest.raises(DependencyDown) as caught:
        await redis.ping(client, timeout=0.5)
    assert time.monotonic() - started < 5
    assert "hunter2" not in f"{caught.value} {caught.value.__cause__!r}"
    await client.aclose()


async def test_a_connection_lost_while_idle_is_replaced(valkey_url: str) -> None:
    """A restart of the server costs no error to whoever asks next."""
    client = open_redis(valkey_url)
    await redis.ping(client, timeout=10)
    other = open_redis(valkey_url)
    await other.client_kill_filter(_type="normal", skipme=True)
    await asyncio.wait_for(redis.ping(client, timeout=10), 10)
    await client.aclose()
    await other.aclose()
