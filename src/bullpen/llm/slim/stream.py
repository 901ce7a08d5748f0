"""A streamed answer."""

from collections import deque
from typing import Any, Final, Self

from bullpen.llm.ending import Ending
from bullpen.llm.slim.answer import Answer
from bullpen.llm.slim.completions import chunk
from bullpen.llm.slim.errors import ErrorEvent
from bullpen.llm.slim.events import Events
from bullpen.llm.slim.wire import decode

__all__ = ["Chunks"]

_END: Final = b"[DONE]"


class Chunks:
    """The chunks of an answer, as an asynchronous iterator; the answer is closed when it ends, however it does.

    Not an async generator: Agno leaves its streams half read, and nothing has to be awaited for one of these then.
    """

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._events = Events()
        self._ending = Ending()
        self._waiting: deque[bytes] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        try:
            return self._chunk(await self._next())
        except BaseException:
            self._answer.close()
            raise

    async def _next(self) -> bytes:
        while not self._waiting:
            piece = await self._answer.piece()
            if not piece:
                self._ending.check()
                raise StopAsyncIteration
            self._ending.feed(piece)
            self._waiting.extend(self._events.feed(piece))
        data = self._waiting.popleft()
        if data.startswith(_END):
            await self._answer.finish()
            raise StopAsyncIteration
        return data

    def _chunk(self, data: bytes) -> Any:
        said = decode(data)
        if isinstance(said, dict) and said.get("error"):
            raise ErrorEvent(f"an error in the stream: {said['error']}")
        return chunk(said)
