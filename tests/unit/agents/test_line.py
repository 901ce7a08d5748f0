"""The line to an MCP server; `test_mcp` takes it through real deaths."""

import asyncio
from typing import Any, cast

import pytest
from mcp import ClientSession

from bullpen.agents.line import Line


class Session:
    """A session that answers, or is gone."""

    gone = False

    async def send_ping(self) -> None:
        if self.gone:
            raise EOFError

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> str:
        return f"{name} {arguments}"


async def holding(line: Line, session: Session) -> asyncio.Task[None]:
    task = asyncio.create_task(line.hold(cast("ClientSession", session)))
    await asyncio.sleep(0)
    return task


async def test_calls_go_to_the_session_that_is_open() -> None:
    """Whichever that is."""
    line, session = Line("words"), Session()
    task = await holding(line, session)
    await line.send_ping()
    assert await line.call_tool("say", {"x": 1}) == "say {'x': 1}"
    task.cancel()


async def test_without_a_session_a_call_fails_by_the_servers_name() -> None:
    """That text is what the model reads."""
    line = Line("words")
    assert not await line.answers()
    with pytest.raises(ConnectionError, match="`words` is away"):
        await line.call_tool("say", {})


async def test_a_dead_session_is_given_up_by_the_first_that_notices() -> None:
    """`hold` ends, so that another one can be opened."""
    line, session = Line("words"), Session()
    task = await holding(line, session)
    session.gone = True
    assert not await line.answers()
    await task
    assert line.session is None


async def test_a_call_waits_a_moment_for_the_next_session() -> None:
    """Most servers are back within it, and the run notices nothing."""
    line, first, second = Line("words"), Session(), Session()
    await holding(line, first)
    first.gone = True
    ping = asyncio.create_task(line.send_ping())
    await asyncio.sleep(0)
    task = await holding(line, second)
    await ping
    assert await line.call_tool("say", {}) == "say {}"
    task.cancel()
