"""MCP servers, connected when the process starts, and again whenever a connection is lost.

Agno would connect a server when a run first needs it, and the first run to end would close it for all others (trap
T7). A toolkit that is connected beforehand is left alone, and one whose server went away stays broken: hence the
`Line`, behind which sessions come and go.

The packages behind it are imported where they are used: they cost 0.4 s and 24 MB that only their users should pay.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any, Final, cast

import structlog
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bullpen.agents.line import Line
from bullpen.errors import DependencyDown, Misconfigured

if TYPE_CHECKING:
    from agno.tools.mcp import MCPTools
    from mcp import ClientSession

__all__ = ["McpConnection", "McpServer"]

_CONNECT_SECONDS: Final = 10.0
_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 30.0

_log = structlog.get_logger("bullpen.agents")


class McpServer(BaseModel):
    """Where an MCP server is: a command to start and talk to over stdio, or the URL of a running one.

    Attributes:
        env: Variables for the command, beside the few that every program needs. Nothing else of ours is passed on.
        timeout: Seconds for one tool call.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: str | None = None
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    url: str | None = None
    timeout: float = Field(default=30.0, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _one_address(self) -> "McpServer":
        if (self.command is None) == (self.url is None):
            raise ValueError("give either `command` or `url`")
        return self


class McpConnection:
    """One server, the line to it, and the toolkit Agno calls it through.

    A task of its own opens each session and closes it, because both must happen in one task. It is the only one that
    connects, however many runs find the server gone.
    """

    def __init__(self, name: str, server: McpServer) -> None:
        self.name = name
        self.toolkit: MCPTools | None = None
        self._server = server
        self._line = Line(name)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connects and lists the tools; raises `Misconfigured` naming the server when it cannot within 10 seconds."""
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._first(ready), name=f"mcp-{self.name}")
        try:
            await asyncio.wait_for(ready, _CONNECT_SECONDS)
        except Exception as error:
            await self.stop()
            raise Misconfigured(
                f"The MCP server `{self.name}` ({self._server.url or self._server.command}) cannot be used: "
                f"{_root(error)}. Is it running, and is its address in tools.yaml right?"
            ) from error

    async def stop(self) -> None:
        """Closes the session and, over stdio, ends the server's process."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = self.toolkit = None

    async def check(self) -> None:
        """Raises `DependencyDown` while the server is away; finding it away starts the reconnection."""
        if not await self._line.answers():
            raise DependencyDown(f"The MCP server `{self.name}` is away and is being reconnected.")

    async def _first(self, ready: "asyncio.Future[None]") -> None:
        try:
            await self._session(lambda: ready.set_result(None))
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error if isinstance(error, Exception) else ConnectionError(str(error)))
                return
            if not isinstance(error, Exception):
                raise
        await self._again()

    async def _again(self) -> None:
        """Opens session after session, with longer and longer pauses while none can be opened."""
        pause = _FIRST_PAUSE

        def opened() -> None:
            nonlocal pause
            pause = _FIRST_PAUSE
            _log.info("mcp_server_back", server=self.name)

        while True:
            _log.warning("mcp_server_away", server=self.name, next_attempt=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            with suppress(Exception):
                await self._session(opened)

    async def _session(self, opened: Callable[[], None]) -> None:
        """One session, from its opening to its loss."""
        async with asyncio.timeout(_CONNECT_SECONDS) as bound, AsyncExitStack() as stack:
            session = await self._open(stack)
            bound.reschedule(None)
            opened()
            await self._line.hold(session)

    async def _open(self, stack: AsyncExitStack) -> "ClientSession":
        from mcp import ClientSession  # noqa: PLC0415 -- see above

        read, write = await stack.enter_async_context(self._transport())
        session = await stack.enter_async_context(ClientSession(read, write, read_timeout_seconds=self._server.timeout))
        await session.initialize()
        if self.toolkit is None:
            self.toolkit = await self._listed(session)
        return session

    async def _listed(self, session: "ClientSession") -> "MCPTools":
        from agno.tools.mcp import MCPTools  # noqa: PLC0415 -- see above

        self._line.session = session
        # A session of our own, because Agno's connections need one more package.
        toolkit = MCPTools(name=self.name, session=cast("ClientSession", self._line))
        await toolkit.initialize()
        if not toolkit.initialized:
            raise ConnectionError("the server did not answer as an MCP server")
        return toolkit

    def _transport(self) -> Any:
        if self._server.url is not None:
            from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415 -- see above

            return streamable_http_client(self._server.url)
        from mcp.client.stdio import StdioServerParameters, stdio_client  # noqa: PLC0415 -- see above

        command = StdioServerParameters(
            command=str(self._server.command), args=list(self._server.args), env=self._server.env
        )
        return stdio_client(command)


def _root(error: BaseException) -> str:
    """The kind of what went wrong first: task groups wrap it, sometimes more than once."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return type(error).__name__
