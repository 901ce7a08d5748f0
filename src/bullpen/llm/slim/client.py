"""The client itself, in the place of `openai.AsyncOpenAI`."""

from typing import Any, Final, Self
from urllib.request import getproxies, proxy_bypass

import httpx2
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from multidict import CIMultiDict
from yarl import URL

from bullpen.llm.responses import Answers
from bullpen.llm.slim.answer import Answer
from bullpen.llm.slim.completions import completion
from bullpen.llm.slim.stream import Chunks
from bullpen.llm.slim.wire import decode, encode

__all__ = ["SlimClient"]

_UNLIMITED: Final = 0  # aiohttp's word for it; the pool's lanes are the limit
_ALWAYS: Final = CIMultiDict(
    {
        "Accept": "application/json, text/event-stream",
        # Answers are small, and a compressed one may be a bomb.
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
        "User-Agent": "bullpen",
    }
)


class SlimClient:
    """Asks one server that speaks OpenAI's chat wire.

    It has what Agno's `OpenAIChat` asks of a client: `is_closed()` and `chat.completions.create`. It retries nothing,
    bounds only the time to connect, and hangs up at once when its caller is cancelled. Proxies are those of the
    environment and certificates those of httpx2, as the SDK has it; cookies are not kept.
    """

    def __init__(self, *, api_key: str, base_url: str, connect_timeout: float, keep_alive: float) -> None:
        """Opens nothing yet, and needs no event loop.

        Args:
            api_key: Sent as bearer; may be set anew at any time, and is read at every call.
            base_url: Up to and with `/v1`.
            connect_timeout: From looking up the name to the end of TLS's handshake, seconds.
            keep_alive: How long a connection nobody uses is kept, seconds.
        """
        self.api_key = api_key
        self.base_url = URL(base_url.rstrip("/") + "/")
        self._address = self.base_url / "chat/completions"
        self._timeout = ClientTimeout(connect=connect_timeout)
        self._keep_alive = keep_alive
        self._session: ClientSession | None = None
        self._proxy: str | None = None
        self._closed = False

    @property
    def chat(self) -> Self:
        """A step of `client.chat.completions.create`."""
        return self

    @property
    def completions(self) -> Self:
        """Another."""
        return self

    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    async def close(self) -> None:
        """Closes every connection, those in use too."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def create(
        self,
        *,
        stream: bool = False,
        extra_headers: dict[str, str] | None = None,
        extra_query: dict[str, str] | None = None,
        extra_body: dict[str, Any] | None = None,
        **body: Any,
    ) -> Any:
        """A `Completion`, or `Chunks` when it is a `stream`.

        Raises:
            Refused: The answer is no success.
            ValueError: The answer is no JSON, or `Oversized`.
            aiohttp.ClientError: No connection, or it broke; `TimeoutError` among them.
        """
        said = {**body, **({"stream": True} if stream else {}), **(extra_body or {})}
        answer = await self._ask(encode(said), headers=extra_headers or {}, query=extra_query or {})
        await answer.check()
        return Chunks(answer) if stream else completion(decode(await answer.read()))

    async def _ask(self, body: bytes, *, headers: dict[str, str], query: dict[str, str]) -> Answer:
        session = self._session or self._open()
        current = Answers.current()
        told = CIMultiDict(_ALWAYS, Authorization=f"Bearer {self.api_key}")
        told.update(headers)
        told.update(current.stamp)
        address = self._address.update_query(query) if query else self._address
        answer = Answer(await session.post(address, data=body, headers=told, proxy=self._proxy))
        current.add(answer)
        return answer

    def _open(self) -> ClientSession:
        tls = httpx2.create_ssl_context() if self.base_url.scheme == "https" else True
        connector = TCPConnector(limit=_UNLIMITED, keepalive_timeout=self._keep_alive, ssl=tls)
        self._proxy = _proxy(self.base_url)
        self._session = ClientSession(connector=connector, cookie_jar=DummyCookieJar(), timeout=self._timeout)
        return self._session


def _proxy(address: URL) -> str | None:
    """Looked up once for a client: aiohttp's own way does it in a thread at every call."""
    if proxy_bypass(address.host or ""):
        return None
    known = getproxies()
    return known.get(address.scheme) or known.get("all")
