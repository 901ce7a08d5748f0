"""Many requests of every kind at once, and which of them were answered."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path
from shutil import copytree
from typing import Any, Final

import httpx

from tests.stubs.serving import PROJECT, Server

__all__ = ["STATUSES", "Rush", "logged", "unlimited"]

_TASK: Final = {"agent_type": "general", "task": "What is 17 * 23?"}
_STREAMED: Final = {"Accept": "text/event-stream"}

_ASKED: Final[tuple[Mapping[str, Any], ...]] = (
    {"method": "POST", "url": "/agent/execute", "json": _TASK},
    {"method": "GET", "url": "/agents"},
    {"method": "POST", "url": "/agent/execute", "json": _TASK, "headers": _STREAMED},
    {"method": "GET", "url": "/agents", "headers": {"X-API-Key": ""}},
    {"method": "GET", "url": "/agents", "headers": {"X-API-Key": "bp_AAAAAAAAAAAA_" + "A" * 43}},
    {"method": "GET", "url": "/pool/stats", "key": "user"},
    {"method": "POST", "url": "/agent/execute", "json": {**_TASK, "agent_type": "nobody"}},
    {"method": "POST", "url": "/agent/execute", "json": {**_TASK, "priority": 9}},
)
STATUSES: Final = frozenset({200, 401, 403, 404, 422})
"""What those requests are answered with, all in all."""


def unlimited(folder: Path) -> dict[str, str]:
    """The settings of a server with the shipped agents and no limits."""
    config = Path(copytree(PROJECT / "config", folder / "config"))
    (config / "limits.yaml").write_text("levels: {}\n")
    return {"CONFIG_DIR": str(config), "AUTH__GUESSES": "100000"}


class Rush:
    """Asks a server for everything in turn, so many at a time, until it answers no more.

    Attributes:
        answered: The status of every request whose answer began to arrive, by its id.
    """

    def __init__(self, server: Server, *, keys: Mapping[str, str], at_once: int = 24) -> None:
        """Takes the keys of an `admin` and a `user`."""
        self._server = server
        self._keys = keys
        self._at_once = at_once
        self.answered: dict[str, int] = {}
        self._after = 0
        self._then: Callable[[], object] = lambda: None

    def run(self, *, most: int, after: int = 0, then: Callable[[], object] = lambda: None) -> None:
        """Sends `most` requests; calls `then` in the middle of them, when `after` were answered."""
        self._after, self._then = after, then
        asyncio.run(self._run(islice(cycle(_ASKED), most)))

    async def _run(self, asked: Iterator[Mapping[str, Any]]) -> None:
        limits = httpx.Limits(max_connections=self._at_once)
        async with httpx.AsyncClient(base_url=self._server.url, timeout=30, limits=limits) as client:
            await asyncio.gather(*(self._work(client, asked) for _ in range(self._at_once)))

    async def _work(self, client: httpx.AsyncClient, asked: Iterator[Mapping[str, Any]]) -> None:
        with suppress(httpx.TransportError):
            for each in asked:
                await self._ask(client, **each)

    async def _ask(
        self, client: httpx.AsyncClient, *, key: str = "admin", headers: Mapping[str, str] | None = None, **asked: Any
    ) -> None:
        shown = {"X-API-Key": self._keys[key], **(headers or {})}
        async with client.stream(headers={name: value for name, value in shown.items() if value}, **asked) as response:
            self.answered[response.headers["X-Request-ID"]] = response.status_code
            if len(self.answered) == self._after:
                self._then()
            await response.aread()


def logged(client: httpx.Client, *tenants: str) -> set[str]:
    """The ids of all requests in the trail of these tenants, page by page."""
    found: set[str] = set()
    for tenant in tenants:
        cursor: str | None = ""
        while cursor is not None:
            asked = {"limit": "500", "tenant": tenant} | ({"cursor": cursor} if cursor else {})
            response = client.get("/audit/log", params=asked)
            assert response.status_code == 200, response.text
            found |= {row["request_id"] for row in response.json()["audit_log"]}
            cursor = response.json()["next"]
    return found
