"""A replica, or a worker, is replaced under load, and no client notices."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from tests.chaos.finding import Finding
from tests.chaos.house import WELL, House, Size, agent, opened, settings_of
from tests.chaos.load import Load
from tests.stubs.balancer import Balancer
from tests.stubs.serving import Server

__all__ = ["Pair", "pair", "reloaded", "terminated", "workshop"]

_RATE: Final = 200.0
_RATE_SHORT: Final = 40.0
# How long a stopping replica still takes connections: the balancer must see that it is not ready any more.
_DRAIN_DELAY: Final = 1.5
_REPLACED_WITHIN: Final = 60.0
_BEFORE: Final = 1.0  # seconds of load before and after


@dataclass(frozen=True, slots=True)
class Pair(House):
    """Two replicas, `server` and `other`."""

    other: Server


@contextmanager
def pair(folder: Path, size: Size) -> Iterator[Pair]:
    """Both replicas know the same key."""
    delay = {"DRAIN_DELAY": str(_DRAIN_DELAY)}
    second = folder / "other"
    second.mkdir()
    with opened(folder, size, agents=[agent(WELL)], settings=delay) as house:
        key = {"BOOTSTRAP_ADMIN_KEY_FILE": str(folder / ".bullpen" / "api-key")}
        settings = {**settings_of(house.upstream, folder / "config"), **delay, **key}
        with Server(second, settings=settings) as other:
            yield Pair(house.server, house.upstream, size, other)


@contextmanager
def workshop(folder: Path, size: Size) -> Iterator[House]:
    """One server with two workers."""
    with opened(folder, size, agents=[agent(WELL)], arguments=("--workers", "2")) as house:
        yield house


async def terminated(house: Pair, name: str = "sigterm") -> Finding:
    """SIGTERM to one of two replicas behind a balancer that follows `/ready`."""
    ask = house.ask(WELL, rate=_rate(house), timeout=5.0)
    async with (
        Balancer([house.server.port, house.other.port]) as balancer,
        Load(int(balancer.url.rpartition(":")[2])).going(ask) as (stream,),
    ):
        await asyncio.sleep(_BEFORE)
        code = await asyncio.to_thread(house.other.stop)
        await asyncio.sleep(_BEFORE)
    finding = Finding(name=name, results=stream.results)
    finding.expect(code == 0, f"the replica ended with {code}")
    _expect_nobody_noticed(finding)
    return finding


async def reloaded(house: House, name: str = "sighup") -> Finding:
    """SIGHUP to a server with two workers: they are replaced one by one."""
    supervisor = psutil.Process(house.server.pid)
    old = await asyncio.to_thread(_workers, supervisor)
    ask = house.ask(WELL, rate=_rate(house), timeout=5.0)
    async with house.load().going(ask) as (stream,):
        await asyncio.sleep(_BEFORE)
        os.kill(house.server.pid, signal.SIGHUP)
        replaced = await house.until(lambda: _replaced(supervisor, old), within=_REPLACED_WITHIN)
        await asyncio.sleep(_BEFORE)
    finding = Finding(name=name, results=stream.results)
    finding.expect(len(old) >= 2, f"there were {len(old)} workers")
    finding.expect(replaced, "the workers were not replaced")
    _expect_nobody_noticed(finding)
    return finding


def _rate(house: House) -> float:
    return _RATE if house.size.full else _RATE_SHORT


def _workers(supervisor: psutil.Process) -> set[int]:
    return {each.pid for each in supervisor.children()}


def _replaced(supervisor: psutil.Process, old: set[int]) -> bool:
    new = _workers(supervisor)
    return len(new) >= len(old) and not new & old


def _expect_nobody_noticed(finding: Finding) -> None:
    finding.expect_no_broken_promise()
    lost = len(finding.results) - finding.count("answered")
    finding.expect(lost == 0, f"{lost} requests were not answered ({finding.kinds()})")
