"""The word between replicas, over a real Redis or Valkey."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from bullpen.security.authentication.redis import RedisNews
from bullpen.stores import open_redis
from tests.stubs.ports import free_port


class Listener:
    def __init__(self) -> None:
        self.heard = asyncio.Event()

    def __call__(self) -> None:
        self.heard.set()

    async def hears(self) -> None:
        await asyncio.wait_for(self.heard.wait(), 10)


@pytest.fixture
async def client(valkey_url: str) -> AsyncIterator[Redis]:
    client = open_redis(valkey_url)
    yield client
    await client.aclose()


async def listening(client: Redis) -> tuple[RedisNews, Listener]:
    news, listener = RedisNews(client, retry_after=0.01), Listener()
    news.start()
    await asyncio.wait_for(news.ready.wait(), 10)
    news.subscribe(listener)
    return news, listener


async def test_every_replica_hears_the_word(client: Redis, valkey_url: str) -> None:
    """Also over another connection, and the one that tells it hears it too."""
    other = open_redis(valkey_url)
    (here, mine), (there, theirs) = await listening(client), await listening(other)
    await here.tell()
    await asyncio.gather(mine.hears(), theirs.hears())
    await here.aclose()
    await there.aclose()
    await other.aclose()


async def test_who_was_cut_off_looks_again_once_it_listens(client: Redis) -> None:
    """A word may have passed meanwhile: listening again is news by itself."""
    news, listener = await listening(client)
    await client.client_kill_filter(_type="pubsub")
    await listener.hears()
    await news.aclose()


async def test_without_redis_the_word_stays_in_the_process() -> None:
    """Failure mode: open. Telling raises nothing, and those in this process hear it."""
    client = open_redis(f"redis://127.0.0.1:{free_port()}/0")
    news, listener = RedisNews(client, retry_after=0.01), Listener()
    news.subscribe(listener)
    news.start()
    await news.tell()
    assert listener.heard.is_set()
    await news.aclose()
    await client.aclose()


async def test_closing_leaves_nothing_behind(client: Redis) -> None:
    """Also when it never began."""
    await RedisNews(client).aclose()
    news, _ = await listening(client)
    await news.aclose()
    assert [task for task in asyncio.all_tasks() if task.get_name() == "key-news"] == []
