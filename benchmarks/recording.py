"""What the audit trail costs a request: three events, recorded before the answer leaves, in each mode.

Delivery to the archive is held back: it is behind, and not on the request's path.
"""

import asyncio
import os
import random
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Literal, NamedTuple

from benchmarks.meter import Work, costs
from bullpen.caller import Caller
from bullpen.outbox import Fact, Outbox
from bullpen.outbox.local import LocalOutbox
from bullpen.outbox.shared import SharedOutbox
from bullpen.outbox.sql import OutboxTable
from bullpen.security.audit import Audit, EventType, Origin
from bullpen.security.audit.recorder import TOPIC
from bullpen.stores import open_engine
from bullpen.stores.schema import upgrade
from bullpen.telemetry import Metrics
from tests.stubs.postgres import running_postgres

__all__ = ["recorded"]

CPU_LIMIT: Final = 30  # microseconds
WAIT_LIMIT: Final = 1.5  # group commits
TIMES: Final = {"process": 200, "disk": 20, "shared": 20}
CROWD: Final = 100
CROWD_TIMES: Final = 10
_MS: Final = 1000
_ANN: Final = Caller(user_id="ann", tenant="acme", credential="api_key:AAAAAAAAAAAA")
_DOOR: Final = Origin("192.0.2.7", "benchmark/1", "req_0123456789abcdef0123456789abcdef", "/agent/execute")


class Ends(NamedTuple):
    """An outbox of some mode, and the metrics it tells its commits to."""

    mode: str
    outbox: Outbox
    metrics: Metrics

    def commits(self) -> tuple[float, float]:
        """Seconds that group commits have taken, and how many there were."""
        (metric,) = self.metrics.audit_commit_seconds.collect()
        by_name = {sample.name.rpartition("_")[2]: sample.value for sample in metric.samples}
        return by_name["sum"], by_name["count"]


class Held:
    """A `Consumer` that takes nothing until it is let go."""

    def __init__(self) -> None:
        self.released = asyncio.Event()

    async def deliver(self, _: Sequence[Fact]) -> None:
        """Waits."""
        await self.released.wait()


async def recorded(folder: Path, rounds: int) -> str:
    """Every mode, one after the other."""
    lines = [f"Audit, three events a request, recorded (CPU promised: {CPU_LIMIT} us):"]
    modes: Final[tuple[Literal["process", "disk"], ...]] = ("process", "disk")
    for mode in modes:
        async with _local(folder / mode, mode=mode) as ends:
            lines.append(await _told(ends, rounds))
    lines.append(f"An fdatasync of 1 KiB in that folder takes {_fdatasync(folder) * _MS:.2f} ms.")
    with running_postgres(folder / "postgres", lock=folder / "postgres.lock") as url:
        async with _shared(folder / "shared", url) as ends:
            lines.append(await _told(ends, rounds))
    return "\n".join(lines)


@asynccontextmanager
async def _local(folder: Path, *, mode: Literal["process", "disk"]) -> AsyncIterator[Ends]:
    held, metrics = Held(), Metrics()
    async with LocalOutbox(folder, consumers={TOPIC: held}, metrics=metrics, mode=mode) as outbox:
        yield Ends(mode, outbox, metrics)
        held.released.set()


@asynccontextmanager
async def _shared(folder: Path, url: str) -> AsyncIterator[Ends]:
    held, metrics = Held(), Metrics()
    engine = open_engine(url)
    try:
        await upgrade(engine)
        table = OutboxTable(engine, topics=[TOPIC])
        async with SharedOutbox(table, folder=folder, consumers={TOPIC: held}, metrics=metrics) as outbox:
            yield Ends("shared", outbox, metrics)
            held.released.set()
    finally:
        await engine.dispose()


async def _told(ends: Ends, rounds: int) -> str:
    audit = Audit(ends.outbox)

    async def request() -> None:
        audit.begin(_DOOR)
        audit.record(EventType.API_KEY_AUTH_SUCCESS, _ANN)
        audit.record(
            EventType.AUTHORIZATION_SUCCESS, _ANN, permission="agent:execute:basic", resource="agent/general", rules="a"
        )
        audit.record(EventType.AGENT_EXECUTION, _ANN, agent_type="general", task_length=120, duration=1.25)
        await audit.commit()

    alone = (await costs({"": request}, rounds=rounds, times=TIMES[ends.mode]))[""]
    if ends.mode == "process":
        return f"- `process`: {alone}, and no wait."
    took, count = ends.commits()
    crowd = await _crowd(ends, request, pause=10 * took / count)
    if ends.outbox.degraded:
        return f"- `{ends.mode}`: it was degraded, so nothing can be said of it."
    return (
        f"- `{ends.mode}`: {alone} alone, with a commit of its own, {took / count * _MS:.2f} ms. {CROWD} at once: "
        f"{crowd.cpu:.1f} us, and a wait of {crowd.wait * _MS:.2f} ms, which is {crowd.wait / crowd.commit:.2f} group "
        f"commits of {crowd.commit * _MS:.2f} ms (promised: {WAIT_LIMIT} at most)."
    )


class Crowd(NamedTuple):
    """Many at once: CPU of each in microseconds, its wait and a group commit in seconds, all of them means."""

    cpu: float
    wait: float
    commit: float


async def _crowd(ends: Ends, request: Work, *, pause: float) -> Crowd:
    """Each of many asks again and again, after a random pause of up to so many seconds."""
    waits: list[float] = []

    async def one() -> None:
        for _ in range(CROWD_TIMES):
            await asyncio.sleep(random.uniform(0, pause))
            began = time.perf_counter()
            await request()
            waits.append(time.perf_counter() - began)

    (took, count), spent = ends.commits(), time.process_time()
    await asyncio.gather(*(one() for _ in range(CROWD)))
    spent = (time.process_time() - spent) / len(waits)
    took, count = ends.commits()[0] - took, ends.commits()[1] - count
    return Crowd(spent * 1e6, statistics.mean(waits), took / count)


def _fdatasync(folder: Path) -> float:
    """Seconds, the median of some."""
    file = os.open(folder / "fdatasync", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    taken = []
    for _ in range(50):
        os.write(file, bytes(1024))
        began = time.perf_counter()
        os.fdatasync(file)
        taken.append(time.perf_counter() - began)
    os.close(file)
    return statistics.median(taken)
