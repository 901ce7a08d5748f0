"""A worker, as its supervisor sees it: a process at the end of a line."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from bullpen.cli.child import Child

ENOUGH = 20.0
# A worker's last moments: the line ends first, and the word about what is wrong comes after.
WRONG = "import os, sys, time; os.close(int(sys.argv[1])); time.sleep(0.5); sys.exit(2)"
ALIVE = """
import os, sys
for word in (b"ready", b"alive"):
    os.write(int(sys.argv[1]), word + b"\\n")
    sys.stdin.readline()
"""

Started = tuple[Child, asyncio.subprocess.Process]
Start = Callable[[str], Awaitable[Started]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts a process that is a worker to its supervisor."""
    async with AsyncExitStack() as stack:

        async def started(program: str) -> Started:
            ours, theirs = socket.socketpair()
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-c", program, str(theirs.fileno())),
                    stdin=asyncio.subprocess.PIPE,
                    pass_fds=(theirs.fileno(),),
                )
            child = Child(1, process, *await asyncio.open_connection(sock=ours))
            stack.callback(child.close)
            stack.push_async_callback(child.ended)
            stack.callback(child.kill)
            return child, process

        yield started


async def test_one_that_is_going_to_say_what_is_wrong_is_let(start: Start) -> None:
    """That it failed is known once it has ended, by its own code, and not when its line has."""
    child, _ = await start(WRONG)
    assert not await child.ready(within=ENOUGH)
    child.kill()
    assert await child.ended() == 2


async def test_one_that_was_let_go_of_keeps_nobody_waiting(start: Start) -> None:
    """Whoever learns first that it has ended lets go of it; the others are told as well."""
    child, _ = await start(WRONG)
    waiting = asyncio.create_task(child.ready())
    child.kill()
    await child.ended()
    child.close()
    async with asyncio.timeout(ENOUGH):
        assert not await waiting


async def test_whatever_it_says_ends_a_silence(start: Start) -> None:
    """One that has begun may be silent, and so may one that was told to end."""
    child, process = await start(ALIVE)
    assert child.silence == 0
    assert await child.ready(within=ENOUGH)
    await asyncio.sleep(0.05)
    before = child.silence
    assert before >= 0.05
    assert process.stdin is not None
    process.stdin.write(b"\n")
    async with asyncio.timeout(ENOUGH):
        while child.silence >= before:
            before = child.silence
            await asyncio.sleep(0.001)
    child.leave()
    assert child.silence == 0


async def test_one_that_does_not_get_on_is_not_waited_for(start: Start) -> None:
    """`within` bounds the wait, whether the process lives or not."""
    child, _ = await start("import sys; sys.stdin.readline()")
    assert not await child.ready(within=0.01)
