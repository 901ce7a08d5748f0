"""One HTTP answer of a provider, read within bounds and hung up on when it is not wanted any more."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from aiohttp import ClientError, ClientResponse

from bullpen.llm.responses import LARGEST_ANSWER
from bullpen.llm.slim.errors import Head, Oversized, Refused

__all__ = ["Answer"]

_MOST_WORDS: Final = 2000
_LAST_WORDS: Final = 0.1  # seconds
_REASONS: Final = 1.0  # seconds
_FIRST_SUCCESS: Final = 200
_FIRST_OTHER: Final = 300


class Answer:
    """An answer whose head has come. Whoever does not read it to its end closes it."""

    def __init__(self, response: ClientResponse, *, largest: int = LARGEST_ANSWER) -> None:
        """`largest` is a number of bytes."""
        self._response = response
        self._largest = self._left = largest

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in any case."""
        return self._response.headers

    @property
    def is_closed(self) -> bool:
        """Whether it was read to its end, or hung up on."""
        return self._response.closed

    async def check(self) -> None:
        """Raises `Refused` unless it is a success.

        Its reasons are waited for, a second at most: a connection that was read to its end can be used again, and no
        refusal is lost to a body that does not come.
        """
        if _FIRST_SUCCESS <= self._response.status < _FIRST_OTHER:
            return
        reasons = b""
        with suppress(ClientError, OSError, Oversized):
            async with asyncio.timeout(_REASONS):
                reasons = await self.read()
        words = reasons[:_MOST_WORDS].decode(errors="replace")
        raise Refused(Head(self._response.status, self.headers), words)

    async def piece(self) -> bytes:
        """What came next; nothing at the end. Raises `Oversized`, and aiohttp's exceptions."""
        piece = await self._response.content.readany()
        self._left -= len(piece)
        if self._left < 0:
            raise Oversized(f"an answer is larger than {self._largest} bytes")
        return piece

    async def read(self) -> bytes:
        """All of it; closed afterwards, whatever happens. Raises as `piece` does."""
        try:
            pieces = [await self.piece()]
            while pieces[-1]:
                pieces.append(await self.piece())
        finally:
            self.close()
        return b"".join(pieces)

    async def finish(self) -> None:
        """Gives the last bytes of a stream a moment, so that its connection can be used again, and closes it."""
        with suppress(ClientError, OSError):
            async with asyncio.timeout(_LAST_WORDS):
                await self._response.content.readany()
        self.close()

    def close(self) -> None:
        """Hangs up, unless it was read to its end."""
        self._response.close()

    async def aclose(self) -> None:
        """The same, as an answer of httpx's has it."""
        self.close()
