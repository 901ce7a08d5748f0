"""Server-sent events, as the peers send them: one `{"text"}` each, and `[DONE]`."""

from collections.abc import AsyncIterator

import orjson
from starlette.requests import Request
from starlette.responses import StreamingResponse

__all__ = ["are_wanted", "sent"]


def are_wanted(request: Request) -> bool:
    """Whether the answer is asked for as events."""
    return request.headers.get("accept") == "text/event-stream"


def sent(words: AsyncIterator[str]) -> StreamingResponse:
    """Each word as it comes."""
    return StreamingResponse(_told(words), media_type="text/event-stream")


async def _told(words: AsyncIterator[str]) -> AsyncIterator[bytes]:
    async for word in words:
        yield b"data: %b\n\n" % orjson.dumps({"text": word})
    yield b"data: [DONE]\n\n"
