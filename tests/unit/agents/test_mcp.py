"""MCP servers, over both transports."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from bullpen.agents.mcp import McpConnection, McpServer
from bullpen.errors import DependencyDown, Misconfigured
from tests.stubs.ports import free_port

SERVER = str(Path(__file__).parents[2] / "stubs" / "mcp_server.py")


@asynccontextmanager
async def served(port: int | None = None) -> AsyncIterator[str]:
    port = port or free_port()
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


@asynccontextmanager
async def connected(server: McpServer) -> AsyncIterator[McpConnection]:
    connection = McpConnection("words", server)
    await connection.start()
    try:
        yield connection
    finally:
        await connection.stop()


async def call(connection: McpConnection, tool: str, **arguments: object) -> str:
    """What the model is told."""
    assert connection.toolkit is not None
    entrypoint = connection.toolkit.functions[tool].entrypoint
    assert entrypoint is not None
    return str((await entrypoint(**arguments)).content).strip()


async def back(connection: McpConnection) -> None:
    """Returns when the server answers again."""
    async with asyncio.timeout(30):
        while True:
            with suppress(DependencyDown):
                return await connection.check()
            await asyncio.sleep(0.02)


async def used(server: McpServer) -> str:
    async with connected(server) as connection:
        return await call(connection, "reverse", text="bullpen")


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


async def test_a_server_that_died_is_started_again_for_the_next_call() -> None:
    """The run that finds it dead waits for it a moment, and notices nothing."""
    async with connected(McpServer(command=sys.executable, args=(SERVER,))) as connection:
        first = await call(connection, "pid")
        os.kill(int(first), signal.SIGKILL)
        second = await call(connection, "pid")
    assert second.isdecimal()
    assert second != first


async def test_many_runs_that_find_a_server_dead_start_it_once() -> None:
    """One task connects, whoever noticed."""
    async with connected(McpServer(command=sys.executable, args=(SERVER,))) as connection:
        os.kill(int(await call(connection, "pid")), signal.SIGKILL)
        answers = await asyncio.gather(*(call(connection, "pid") for _ in range(20)))
    assert len(set(answers)) == 1
    assert answers[0].isdecimal()


async def test_a_call_that_killed_the_server_is_told_to_the_model_and_not_repeated() -> None:
    """It may have done its work; the next call finds the server back."""
    async with connected(McpServer(command=sys.executable, args=(SERVER,))) as connection:
        assert "fail" in await call(connection, "die")
        await back(connection)
        assert await call(connection, "reverse", text="ab") == "ba"


async def test_a_restarted_http_server_is_found_again() -> None:
    """Its new process knows nothing of the old session."""
    port = free_port()
    async with served(port) as url:
        connection = McpConnection("words", McpServer(url=url))
        await connection.start()
    try:
        assert "`words` is away" in await call(connection, "reverse", text="ab")
        with pytest.raises(DependencyDown, match="`words`"):
            await connection.check()
        async with served(port):
            await back(connection)
            assert await call(connection, "reverse", text="ab") == "ba"
    finally:
        await connection.stop()


async def test_a_busy_server_is_not_taken_for_a_dead_one() -> None:
    """Calls of other runs are on the same line."""
    async with connected(McpServer(command=sys.executable, args=(SERVER,))) as connection:
        before = await call(connection, "pid")
        slow, quick = await asyncio.gather(
            call(connection, "sleep", seconds=2.5), call(connection, "reverse", text="ab")
        )
        assert (slow, quick) == ("awake", "ba")
        assert await call(connection, "pid") == before
