"""MCP servers, connected once for the life of the process.

Agno would connect a server when a run first needs it, and the first run to end would close it for all others (trap
T7). A toolkit that is connected beforehand is left alone.

The packages behind it are imported where they are used: they cost 0.4 s and 24 MB that only their users should pay.
"""

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, model_validator

from bullpen.errors import Misconfigured

if TYPE_CHECKING:
    from agno.tools.mcp import MCPTools

__all__ = ["McpConnection", "McpServer"]

_CONNECT_SECONDS: Final = 10.0


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
    timeout: float = 30.0

    @model_validator(mode="after")
    def _one_address(self) -> "McpServer":
        if (self.command is None) == (self.url is None):
            raise ValueError("give either `command` or `url`")
        return self


class McpConnection:
    """One server, its session, and the toolkit Agno calls it through.

    The session lives in a task of its own, because it must be closed by the task that opened it.
    """

    def __init__(self, name: str, server: McpServer) -> None:
        self.name = name
        self.toolkit: MCPTools | None = None
        self._server = server
        self._done = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connects and lists the tools; raises `Misconfigured` naming the server when it cannot within 10 seconds."""
        ready: asyncio.Future[MCPTools] = asyncio.get_running_loop().create_future()
        self._done.clear()
        self._task = asyncio.create_task(self._hold(ready), name=f"mcp-{self.name}")
        try:
            self.toolkit = await asyncio.wait_for(ready, _CONNECT_SECONDS)
        except Exception as error:
            await self.stop()
            raise Misconfigured(
                f"The MCP server `{self.name}` ({self._server.url or self._server.command}) cannot be used: "
                f"{_root(error)}. Is it running, and is its address in tools.yaml right?"
            ) from error

    async def stop(self) -> None:
        """Closes the session and, over stdio, ends the server's process."""
        self._done.set()
        if self._task is None:
            return
        if self.toolkit is None:
            self._task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await self._task
        self._task = self.toolkit = None

    async def _hold(self, ready: "asyncio.Future[MCPTools]") -> None:
        try:
            async with AsyncExitStack() as stack:
                toolkit = await self._open(stack)
                ready.set_result(toolkit)
                await self._done.wait()
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error if isinstance(error, Exception) else ConnectionError(str(error)))
                return
            raise

    async def _open(self, stack: AsyncExitStack) -> "MCPTools":
        from agno.tools.mcp import MCPTools  # noqa: PLC0415 -- see above
        from mcp import ClientSession  # noqa: PLC0415 -- see above

        read, write = await stack.enter_async_context(self._transport())
        session = await stack.enter_async_context(ClientSession(read, write, read_timeout_seconds=self._server.timeout))
        # A session of our own, because Agno's connections need one more package.
        toolkit = MCPTools(name=self.name, session=session)
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
