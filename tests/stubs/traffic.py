"""Steady traffic over connections that are kept: so many requests a second, whatever becomes of them."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Mapping
from typing import Any, Final

import aiohttp

__all__ = ["Traffic"]

_PATIENCE: Final = 30.0


class Traffic:
    """Asks for one run again and again, at a fixed pace.

    Attributes:
        outcomes: How often each status came, or the name of the error that came in its place.
    """

    def __init__(self, url: str, *, key: str, body: Mapping[str, Any], rate: float, connections: int = 40) -> None:
        """`rate` is in requests a second."""
        self.outcomes: Counter[str] = Counter()
        self._url = f"{url}/agent/execute"
        self._headers = {"X-API-Key": key}
        self._body = body
        self._pause = 1 / rate
        self._connections = connections

    async def during(self, event: Awaitable[object], *, before: float = 1.0, after: float = 1.0) -> None:
        """Goes on while the event takes place, and for so many seconds before and after it; then all is answered."""
        connector = aiohttp.TCPConnector(limit=self._connections)
        timeout = aiohttp.ClientTimeout(total=_PATIENCE)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            flowing = asyncio.create_task(self._flow(session))
            await asyncio.sleep(before)
            await event
            await asyncio.sleep(after)
            flowing.cancel()
            await asyncio.wait((flowing,))

    async def _flow(self, session: aiohttp.ClientSession) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        async with asyncio.TaskGroup() as asked:
            try:
                while True:
                    asked.create_task(self._ask(session))
                    due += self._pause
                    await asyncio.sleep(due - loop.time())
            except asyncio.CancelledError:
                return

    async def _ask(self, session: aiohttp.ClientSession) -> None:
        try:
            async with session.post(self._url, json=self._body, headers=self._headers) as answer:
                await answer.read()
                outcome = str(answer.status)
        except (aiohttp.ClientError, TimeoutError) as error:
            outcome = type(error).__name__
        self.outcomes[outcome] += 1
