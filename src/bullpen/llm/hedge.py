"""A second call beside one that takes too long: whichever speaks first is the answer.

Dean and Barroso, "The Tail at Scale", Communications of the ACM 56(2), 2013: hedged requests.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Generic, TypeVar

__all__ = ["hedged"]

_T = TypeVar("_T")


class _Leg(Generic[_T]):
    """One of the calls, whose first word is on its way.

    Attributes:
        first: Reads the pieces until one `speaks`; all of them are its result.
    """

    def __init__(self, pieces: AsyncGenerator[_T], speaks: Callable[[_T], bool]) -> None:
        self.pieces = pieces
        self.first = asyncio.create_task(self._first(speaks))

    async def _first(self, speaks: Callable[[_T], bool]) -> list[_T]:
        heard: list[_T] = []
        async for piece in self.pieces:
            heard.append(piece)
            if speaks(piece):
                break
        return heard

    @property
    def spoke(self) -> bool:
        """Whether its first word is there."""
        return self.first.done() and not self.first.cancelled() and self.first.exception() is None

    async def aclose(self) -> None:
        """Hangs up, whether it has spoken or not. One that has not spoken ends though this wait is cancelled."""
        if self.first.cancel():
            await asyncio.wait((self.first,))
        if not self.first.cancelled():
            self.first.exception()  # seen: what became of the call is booked already
        await self.pieces.aclose()


async def hedged(
    begin: Callable[[int], AsyncGenerator[_T]],
    *,
    after: float,
    may_hedge: Callable[[], bool],
    speaks: Callable[[_T], bool],
) -> AsyncGenerator[_T]:
    """The pieces of the call that speaks first.

    Args:
        begin: Makes call number 0, or 1.
        after: Seconds the first has for itself.
        may_hedge: Asked once, when they have passed.
        speaks: Whether there is a word in a piece.

    Raises:
        Whatever the first call raised, when neither speaks.
    """
    async with AsyncExitStack() as both:  # closes each, though closing the other is interrupted
        legs = [_Leg(begin(0), speaks)]
        both.push_async_callback(legs[0].aclose)
        await asyncio.wait((legs[0].first,), timeout=after)
        if not legs[0].first.done() and may_hedge():
            legs.append(_Leg(begin(1), speaks))
            both.push_async_callback(legs[1].aclose)
        winner = await _winner(legs)
        for leg in legs:
            if leg is not winner:
                await leg.aclose()
        for piece in winner.first.result():
            yield piece
        async for piece in winner.pieces:
            yield piece


async def _winner(legs: Sequence[_Leg[_T]]) -> _Leg[_T]:
    waiting = {leg.first for leg in legs}
    while waiting:
        _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for leg in legs:
            if leg.spoke:
                return leg
    return legs[0]
