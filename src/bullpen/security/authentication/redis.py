"""The word that keys or sessions have changed, from every replica to every replica, by Redis' publish and subscribe."""

import asyncio
from typing import Any, Final

import structlog
from redis.asyncio import Redis

from bullpen.errors import DependencyDown
from bullpen.security.authentication.news import News
from bullpen.stores.redis import redis_errors

__all__ = ["CHANNEL", "RedisNews"]

CHANNEL: Final = "bullpen:identity"
_PATIENCE: Final = 1.0
_LISTENING: Final = 1.0  # seconds of one wait for a word; then it is seen whether the connection still lives

_log = structlog.get_logger("bullpen.authentication")


class RedisNews(News):
    """Passes the word to every replica that listens.

    Failure mode: open. While Redis is away no word passes, and the replicas' own looks at the store are a net beneath.
    Whoever could not listen for a while spreads the word by itself afterwards, for one may have been missed.
    """

    def __init__(self, client: Redis, *, retry_after: float = 1.0) -> None:
        """Uses `client`, and leaves closing it to its owner; `retry_after` is in seconds."""
        super().__init__()
        self._client = client
        self._retry_after = retry_after
        self._listening: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[Any]] = set()
        self.ready = asyncio.Event()

    def start(self) -> None:
        """Begins to listen; `ready` is set while it does."""
        self._listening = asyncio.create_task(self._keep_listening(), name="key-news")

    async def aclose(self) -> None:
        """Stops listening."""
        while self._listening is not None and not self._listening.done():
            self._listening.cancel()
            await asyncio.wait((self._listening,), timeout=1)

    async def tell(self) -> None:
        """See `News.tell`. Waits for Redis a second at most."""
        self._spread()
        # A task of its own: the client's waits may swallow a cancellation on Python 3.11, and with it a time limit.
        telling = asyncio.create_task(self._publish())
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)
        _, late = await asyncio.wait((telling,), timeout=_PATIENCE)
        if late:
            telling.cancel()

    async def _publish(self) -> None:
        try:
            with redis_errors():
                await self._client.publish(CHANNEL, b"1")
        except DependencyDown:
            _log.warning("news_not_told", remedy="Replicas notice by themselves within a second. Look after Redis.")

    async def _keep_listening(self) -> None:
        while True:
            try:
                with redis_errors():
                    await self._listen()
            except DependencyDown:
                pass  # whoever looks after Redis is told by its health
            except Exception:  # noqa: BLE001 -- a defect must not end the listening of a process that lives for weeks
                _log.exception("news_not_heard", remedy="Replicas notice by themselves within a second.")
            self.ready.clear()
            await asyncio.sleep(self._retry_after)

    async def _listen(self) -> None:
        async with self._client.pubsub(ignore_subscribe_messages=False) as channel:
            await channel.subscribe(CHANNEL)
            while True:
                message = await channel.get_message(timeout=_LISTENING)
                if message is None:
                    continue
                # Also the answer to subscribing: a word may have passed before.
                self._spread()
                self.ready.set()
