"""The line to an MCP server: what Agno takes for a session, whichever session is open now."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mcp import ClientSession

__all__ = ["Line"]

_PING_SECONDS: Final = 2.0
_PATIENCE_SECONDS: Final = 3.0


class Line:
    """Stands in for a session as far as Agno's toolkit uses one.

    Failure mode: while the server is away a call raises ConnectionError, which Agno tells the model; the run goes on. A
    call that was under way when the server went is not repeated: it may have done its work.

    Attributes:
        session: The one that is open, or None.
    """

    def __init__(self, name: str) -> None:
        self.session: ClientSession | None = None
        self._name = name
        self._lost = asyncio.Event()
        self._held = asyncio.Event()

    async def hold(self, session: "ClientSession") -> None:
        """Uses `session` until it is lost."""
        self.session = session
        self._lost.clear()
        self._held.set()
        try:
            await self._lost.wait()
        finally:
            self._drop(session)

    async def answers(self) -> bool:
        """Whether the server is there; a session that turns out to be dead is given up.

        A check that times out after 2 s counts as up. A server that hangs is therefore never given up here: what ends
        a call to it is the call's own bound, or the run's deadline.
        """
        session = self.session
        if session is None:
            return False
        try:
            async with asyncio.timeout(_PING_SECONDS):
                await session.send_ping()
        except TimeoutError:
            # Busy, not gone: other runs may have calls on this line.
            return True
        except Exception:  # noqa: BLE001 - each transport breaks in its own ways, and each means that it is gone
            self._drop(session)
            return False
        return True

    async def initialize(self) -> Any:
        """Nothing to do for a session that is open."""
        return await self._open().initialize()

    async def list_tools(self, **page: Any) -> Any:
        """The tools of the server, a page of them."""
        return await self._open().list_tools(**page)

    async def send_ping(self) -> None:
        """Agno's, before every call: the moment to notice that the server went away, and to wait for it a little."""
        if await self.answers():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._held.wait()

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
        """Calls a tool, once."""
        return await self._open().call_tool(name, arguments)

    def _open(self) -> "ClientSession":
        if self.session is None:
            raise ConnectionError(f"The tool server `{self._name}` is away. Go on without it, or try again later.")
        return self.session

    def _drop(self, session: "ClientSession") -> None:
        if self.session is session:
            self.session = None
            self._held.clear()
            self._lost.set()
