"""MCP servers, over both transports."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bullpen.agents.mcp import McpConnection, McpServer
from bullpen.errors import Misconfigured
from tests.stubs.ports import free_port

SERVER = str(Path(__file__).parents[2] / "stubs" / "mcp_server.py")


@asynccontextmanager
async def served() -> AsyncIterator[str]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(sys.executable, SERVER, str(port))
    try:
        await _listening(port)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        await process.wait()


async def _listening(port: int) -> None:
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        await writer.wait_closed()
        return


async def used(server: McpServer) -> str:
    connection = McpConnection("words", server)
    await connection.start()
    try:
        assert connection.toolkit is not None
        entrypoint = connection.toolkit.functions["reverse"].entrypoint
        assert entrypoint is not None
        return str((await entrypoint(text="bullpen")).content).strip()
    finally:
        await connection.stop()


async def test_a_server_is_started_and_spoken_to_over_stdio() -> None:
    """Its tools are listed at the start and can be called until the stop."""
    assert await used(McpServer(command=sys.executable, args=(SERVER,))) == "nepllub"


async def test_a_running_server_is_spoken_to_over_http() -> None:
    """The same over streamable HTTP."""
    async with served() as url:
        assert await used(McpServer(url=url)) == "nepllub"


@pytest.mark.parametrize("arguments", [("-c", "pass"), ("-c", "print('hello')")])
async def test_a_program_that_is_no_mcp_server_is_refused_by_name(arguments: tuple[str, ...]) -> None:
    """Agno logs it, and its agents run without the tools."""
    connection = McpConnection("words", McpServer(command=sys.executable, args=arguments))
    with pytest.raises(Misconfigured, match="`words`"):
        await connection.start()
    assert connection.toolkit is None


async def test_stopping_what_never_started_is_nothing() -> None:
    """So that whatever was opened can be closed in one go."""
    await McpConnection("words", McpServer(command="x")).stop()
