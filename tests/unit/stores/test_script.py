"""A script and how it is sent; tests/contract runs each of them on a real server."""

from hashlib import sha1
from pathlib import Path
from typing import Any, cast

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, ResponseError

from bullpen.errors import DependencyDown
from bullpen.stores.script import Script

TEXT = "return 'Ω'"


class Scripted:
    """A client of a server that knows the script, or not, or fails."""

    def __init__(self, *, knows: bool = True, fails: Exception | None = None) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self._knows = knows
        self._fails = fails

    async def evalsha(self, *asked: Any) -> str:
        self.asked.append(asked)
        if self._fails:
            raise self._fails
        if not self._knows:
            raise NoScriptError
        return "by digest"

    async def eval(self, *asked: Any) -> str:
        self.asked.append(asked)
        return "by text"


@pytest.fixture
def script(tmp_path: Path) -> Script:
    file = tmp_path / "one.lua"
    file.write_text(TEXT, "utf-8")
    return Script(file)


async def test_it_goes_by_its_digest(script: Script) -> None:
    """The server's own name for it, then how many keys, the keys, and the arguments."""
    client = Scripted()
    assert await script.run(cast("Redis", client), ["a", "b"], [1, "x"]) == "by digest"
    assert client.asked == [(sha1(TEXT.encode(), usedforsecurity=False).hexdigest(), 2, "a", "b", 1, "x")]


async def test_a_server_that_lost_it_gets_it_at_once(script: Script) -> None:
    """After a restart or a flush, with the same keys and arguments."""
    client = Scripted(knows=False)
    assert await script.run(cast("Redis", client), ["a"], [1]) == "by text"
    assert client.asked[1] == (TEXT, 1, "a", 1)


async def test_what_the_server_does_wrong_is_a_dependency_that_is_down(script: Script) -> None:
    """Whatever the client calls it."""
    with pytest.raises(DependencyDown):
        await script.run(cast("Redis", Scripted(fails=ResponseError("no"))), [], [])
