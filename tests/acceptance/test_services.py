"""The real services the suite brings along do start, and are what they say they are."""

from urllib.parse import urlsplit

import psycopg
from redis import Redis

from tests.stubs.rabbitmq import speaks_amqp


def test_postgres_is_there_and_empty(postgres_url: str) -> None:
    """Every worker gets a PostgreSQL database with no table of ours in it."""
    with psycopg.connect(postgres_url) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert tables == (0,)


def test_valkey_keeps_what_it_is_given(valkey_url: str) -> None:
    """The Valkey server speaks Redis' protocol."""
    with Redis.from_url(valkey_url) as client:
        client.set("bullpen:test", "kept", ex=10)
        assert client.get("bullpen:test") == b"kept"


def test_rabbitmq_shakes_hands(rabbitmq_url: str) -> None:
    """The broker answers AMQP 0-9-1's protocol header with a method frame."""
    address = urlsplit(rabbitmq_url)
    assert speaks_amqp(address.hostname or "127.0.0.1", address.port or 5672)
