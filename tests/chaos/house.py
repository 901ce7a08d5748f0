"""A real server over the stub provider, with an agent for every fault, to be ruined."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from tests.chaos.load import Ask, Load
from tests.stubs.catalogue import write_catalogue
from tests.stubs.serving import PROJECT, Server
from tests.stubs.upstream import Upstream

__all__ = ["WELL", "House", "Size", "agent", "opened", "settings_of"]

WELL: Final = "well"
"""The agent beside the sick one."""

_OWN_CODE: Final = '''
import time


def block(seconds: float) -> str:
    """Holds its thread.

    Args:
        seconds: Not asked.
    """
    time.sleep({seconds})
    return "blocked"
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much of it.

    Attributes:
        rate: Requests a second, of the sick and of the well agent each.
        before: Seconds of good days, by which the bad ones are measured.
        fault: Seconds of the fault, where the issue has no figure.
        warm_up: Seconds of load before that, which count for nothing.
        scale: The figures of the issue, times this.
        slack: Seconds added to bounds of latency: the suite's machine is shared, and its samples are few.
        in_a_row: So many good answers, one after the other, and a service is normal again.
    """

    rate: float = 40
    before: float = 5
    fault: float = 5
    warm_up: float = 1
    scale: float = 1
    slack: float = 0
    in_a_row: int = 20

    @property
    def full(self) -> bool:
        return self.scale == 1


def agent(name: str, *, model: str = "", **fields: Any) -> dict[str, Any]:
    """An agent with a model of its own, which takes 50 ms unless said."""
    return {"type": name, "model": model or f"openai:stub-slow-50ms-{name}", **fields}


@dataclass(frozen=True, slots=True)
class House:
    """A server and its model provider, and how much is to be done to them."""

    server: Server
    upstream: Upstream
    size: Size

    def ask(self, agent: str, **fields: Any) -> Ask:
        """A question to an agent, with the operator's key unless said."""
        given: dict[str, Any] = {
            "rate": self.size.rate,
            "timeout": 2.0,
            "key": self.server.api_key,
            "slack": self.size.slack,
        }
        return Ask(agent=agent, **given | fields)

    def load(self) -> Load:
        return Load(self.server.port)

    def memory(self) -> float:
        """Resident, with all its workers, MB."""
        process = psutil.Process(self.server.pid)
        return float(sum(each.memory_info().rss for each in [process, *process.children(recursive=True)])) / 1e6

    def active(self, agent: str) -> int:
        """Lanes in use by the agent's runs."""
        with self.server.client() as client:
            stats = client.get("/pool/stats").raise_for_status().json()
        return int(stats["agent_types"][agent]["active"])

    async def until(self, holds: Callable[[], bool], *, within: float) -> bool:
        """Whether it came to be so in that many seconds; asked from a thread."""
        end = time.monotonic() + within
        while not await asyncio.to_thread(holds):
            if time.monotonic() > end:
                return False
            await asyncio.sleep(0.1)
        return True


def settings_of(upstream: Upstream, config: Path) -> dict[str, str]:
    """What every server here is told: room for the sick and the well, and a breaker that soon looks again."""
    return {
        "OPENAI_API_KEY": "openai-key-for-tests",
        "OPENAI_BASE_URL": upstream.openai_url,
        "ENDPOINTS__NOWHERE__BASE_URL": "http://model.invalid/v1",
        "CONFIG_DIR": str(config),
        "MAX_CONCURRENT_AGENTS": "200",
        "LLM__FIRST_TOKEN_TIMEOUT": "1",
        "LLM__BETWEEN_TOKENS_TIMEOUT": "1",
        # The window is short because so is the fault: in one of 30 s, five bad seconds are not half of the calls.
        "BREAKER__WINDOW": "5",
        "BREAKER__OPEN_SECONDS": "1",
        "SHUTDOWN_GRACE": "10",
        "LOG_LEVEL": "WARNING",
        "PYTHONPATH": f"{PROJECT}:{PROJECT / 'src'}",
    }


@contextmanager
def opened(
    folder: Path,
    size: Size,
    *,
    agents: Sequence[Mapping[str, Any]],
    settings: Mapping[str, str] | None = None,
    limits: str = "levels: {}\n",
    module: str = "bullpen",
    arguments: Sequence[str] = (),
) -> Iterator[House]:
    """A house in `folder`; `settings` win over those every server here has."""
    tools = {"block": {"function": "own_code:block"}}
    config = write_catalogue(folder, agents=agents, tools=tools)
    (config / "limits.yaml").write_text(limits)
    (folder / "own_code.py").write_text(_OWN_CODE.replace("{seconds}", str(5 * size.scale)))
    with Upstream() as upstream:
        told = {**settings_of(upstream, config), **(settings or {})}
        with Server(folder, settings=told, module=module, arguments=arguments) as server:
            yield House(server, upstream, size)
