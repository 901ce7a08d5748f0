"""Doing in one go what is asked for at nearly the same time."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import Context
from functools import partial
from typing import Generic, TypeAlias, TypeVar

from bullpen.errors import ShuttingDown

__all__ = ["Gathering"]

_Key = TypeVar("_Key", bound=Hashable)
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_Work: TypeAlias = Callable[[_Key, Sequence[_Item]], Awaitable[Sequence[_Result | Exception]]]


class _Group(Generic[_Item, _Result]):
    """Those who will be served together."""

    def __init__(self) -> None:
        self.asked: dict[asyncio.Future[_Result], _Item] = {}
        self.timer: asyncio.TimerHandle | None = None
        self.working: asyncio.Task[None] | None = None

    def leave(self, place: asyncio.Future[_Result]) -> None:
        """One of them has left; when it was the last one, the work ends."""
        if self.working is None:
            self.asked.pop(place, None)
        elif all(each.done() for each in self.asked):
            self.working.cancel()


class Gathering(Generic[_Key, _Item, _Result]):
    """Collects items of one key until there are `size` of them, or the first has waited for `wait`, and does the work.

    Who is cancelled leaves the others alone. What the work raises, all of them are told.
    """

    def __init__(self, work: "_Work[_Key, _Item, _Result]", *, size: int = 10, wait: float = 1.0) -> None:
        """Nothing is kept of a key nobody asks for.

        Args:
            work: Gets a key and its items, and gives a result or an exception for each, in their order.
            size: Items at once, at most.
            wait: Seconds the first one waits for others.
        """
        self._work = work
        self._size = size
        self._wait = wait
        self._open: dict[_Key, _Group[_Item, _Result]] = {}
        self._working: set[asyncio.Task[None]] = set()
        self._closed = False

    async def ask(self, key: _Key, item: _Item, *, patience: float = math.inf) -> _Result:
        """The result for this item, which waits `patience` seconds for others, at most.

        Raises:
            Exception: The one that is its result, or that ended the work.
            ShuttingDown: `aclose` was called.
        """
        if self._closed:
            raise ShuttingDown("This replica is stopping and takes no new work. Send the request again.")
        loop = asyncio.get_running_loop()
        group = self._open.get(key)
        if group is None:
            group = self._open[key] = _Group()
        if group.timer is None or patience < group.timer.when() - loop.time():
            self._await_others(key, group, min(self._wait, patience))
        place: asyncio.Future[_Result] = loop.create_future()
        group.asked[place] = item
        if len(group.asked) >= self._size:
            self._begin(key)
        try:
            return await place
        except asyncio.CancelledError:
            group.leave(place)
            raise

    async def aclose(self) -> None:
        """Serves nobody any more: those who wait are cancelled."""
        self._closed = True
        for key in list(self._open):
            self._begin(key)
        for task in self._working:
            task.cancel()
        if self._working:
            await asyncio.wait(self._working)

    def _await_others(self, key: _Key, group: _Group[_Item, _Result], seconds: float) -> None:
        if group.timer is not None:
            group.timer.cancel()
        group.timer = asyncio.get_running_loop().call_later(seconds, self._begin, key)

    def _begin(self, key: _Key) -> None:
        group = self._open.pop(key)
        if group.timer is not None:
            group.timer.cancel()
        if not group.asked:
            return
        # In a context of its own: it is no more the first one's work than the last one's.
        group.working = asyncio.create_task(self._serve(key, group), context=Context())
        self._working.add(group.working)
        group.working.add_done_callback(partial(self._over, group))

    async def _serve(self, key: _Key, group: _Group[_Item, _Result]) -> None:
        try:
            results = await self._work(key, tuple(group.asked.values()))
            told = list(zip(group.asked, results, strict=True))
        except Exception as error:  # noqa: BLE001 - whatever it was, each of them is told
            told = [(place, error) for place in group.asked]
        for place, result in told:
            _tell(place, result)

    def _over(self, group: _Group[_Item, _Result], working: asyncio.Task[None]) -> None:
        """Work that was ended, perhaps before it had begun, leaves nobody waiting."""
        self._working.discard(working)
        for place in group.asked:
            place.cancel()


def _tell(place: "asyncio.Future[_Result]", result: _Result | Exception) -> None:
    if place.done():
        return
    if isinstance(result, Exception):
        place.set_exception(result)
    else:
        place.set_result(result)
