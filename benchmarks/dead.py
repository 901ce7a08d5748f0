"""A model that dies and comes back: how soon the caller is told so, and how soon the service is there again."""

import asyncio
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import uvloop

from benchmarks.load import Ask, Load, drive
from benchmarks.process import on_core
from benchmarks.report import table
from benchmarks.stub import Stub
from benchmarks.systems import BULLPEN, Running

__all__ = ["measured"]

LIMIT: Final = 20  # milliseconds
OPEN_SECONDS: Final = 1
CONNECTIONS: Final = 16
PAUSE: Final = 0.1  # seconds: 16 connections ask at most 160 times a second
_GOOD: Final = 8  # requests before the death: a breaker opens when half of the calls of 30 s have failed
_DEAD: Final = 8.0  # seconds of each part of the scene
_AGAIN: Final = 5.0
_REFUSAL: Final = b"urn:bullpen:error:circuit_open"


class Reply(NamedTuple):
    """One answer: when its last byte came, whether it was good, and whether the open breaker gave it."""

    at: float
    good: bool
    refused: bool


@dataclass(slots=True)
class Scene:
    """What was answered since the model died, in order; and when it died and came back."""

    replies: list[Reply] = field(default_factory=list)
    died: float = 0.0
    lives: float = 0.0

    def heard(self, status: int, body: bytes) -> bool:
        """Every answer is right here; what it was is told below."""
        self.replies.append(Reply(time.perf_counter(), good=status == 200, refused=_REFUSAL in body))
        return status == 200 or status >= 500

    async def play(self, stub: Stub) -> None:
        """The model is dead, and comes back."""
        await asyncio.sleep(_DEAD)
        await asyncio.to_thread(stub.live)
        self.lives = time.perf_counter()


def measured(*, folder: Path) -> str:
    """The table."""
    with on_core(1), Stub(folder) as stub:
        running = BULLPEN.set_to(BREAKER__OPEN_SECONDS=str(OPEN_SECONDS)).start(model_port=stub.port, folder=folder)
        with running.process:
            running.ready()
            scene = Scene()
            load = uvloop.run(_played(running, stub, scene)).checked()
    return table(("a model that refuses connections", "measured", "promised"), _lines(scene, load))


async def _played(running: Running, stub: Stub, scene: Scene) -> Load:
    target = running.target()

    def asks() -> Iterator[Ask]:
        return (each._replace(right=scene.heard) for each in target.asks())

    (await drive(running.port, islice(target.asks(), _GOOD), connections=_GOOD)).checked()
    await asyncio.to_thread(stub.die)
    scene.died = time.perf_counter()
    load, _ = await asyncio.gather(
        drive(running.port, asks(), connections=CONNECTIONS, seconds=_DEAD + _AGAIN, pause=PAUSE),
        scene.play(stub),
    )
    return load


def _lines(scene: Scene, load: Load) -> list[list[str]]:
    answers = list(zip(scene.replies, load.latencies, strict=True))
    opened = next(reply.at for reply in scene.replies if reply.refused)
    asked = [
        (reply, latency * 1000)
        for reply, latency in answers
        if not reply.good and opened < reply.at - latency and reply.at < scene.lives
    ]
    times = [latency for _, latency in asked]
    late = [latency for latency in times if latency > LIMIT]
    good = next(reply.at for reply in scene.replies if reply.good)
    last_bad = max(reply.at for reply in scene.replies if not reply.good)
    percentiles = statistics.quantiles(times, n=100)
    return [
        ["opens after the death", f"{opened - scene.died:.2f} s", ""],
        [f"5xx to those who ask once it is open ({len(times)}): median", f"{percentiles[49]:.1f} ms", f"{LIMIT} ms"],
        ["the same, p99", f"{percentiles[98]:.1f} ms", f"{LIMIT} ms"],
        [f"those later than {LIMIT} ms, the probes among them", f"{len(late)}, {_slowest(late)}", ""],
        ["first good probe, after the model is back", f"{good - scene.lives:.2f} s", f"opens for {OPEN_SECONDS} s"],
        ["last 5xx, after the first good probe", f"{max(0.0, last_bad - good):.2f} s", "1 s"],
    ]


def _slowest(latencies: list[float]) -> str:
    return f"the slowest {max(latencies):.0f} ms" if latencies else "none"
