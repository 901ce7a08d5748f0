"""What is measured: each system with how it is started, where it is asked and what it is asked."""

import json
import os
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

import uvloop

from benchmarks.load import Load, Target, drive
from benchmarks.process import PROJECT, Process, free_port, on_core

__all__ = [
    "BARE",
    "BASELINE",
    "BULLPEN",
    "BULLPEN_ON_SDK",
    "FLOOR",
    "GUARDED",
    "NAIVE",
    "SYSTEMS",
    "Running",
    "System",
]


@dataclass(frozen=True, slots=True)
class System:
    """One system: a program with one worker. Those that stream do so where `Accept` asks for events.

    Attributes:
        module: What `python -m` runs.
        arguments: Given to it; `{port}` stands for the port.
        path: Where it is asked.
        members: What its requests have beside `task`.
        environment: What it needs beside the model's address.
        drives_itself: It has no server to load, and is told to load itself instead.
        does_nothing: It is asked by an empty object and answers with one.
    """

    name: str
    module: str
    arguments: tuple[str, ...]
    path: str = "/run"
    members: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    drives_itself: bool = False
    does_nothing: bool = False

    def start(self, *, model_port: int, folder: Path) -> "Running":
        """Starts it on the first core, in an environment that holds nothing else of ours."""
        port = free_port()
        command = [sys.executable, "-m", self.module, *(each.format(port=port) for each in self.arguments)]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(PROJECT),
            "OPENAI_BASE_URL": f"http://127.0.0.1:{model_port}/v1",
            "AGNO_TELEMETRY": "false",
            "DATA_DIR": str(folder),
            **self.environment,
        }
        with on_core(0):
            process = Process(command, environment=environment, folder=folder, log=folder / f"{port}.log")
        return Running(self, port, process, folder)

    def set_to(self, **environment: str) -> Self:
        """The same with more in its environment."""
        return replace(self, environment={**self.environment, **environment})

    def body(self, prompt: str) -> dict[str, Any]:
        """A request of its own kind."""
        return {**self.members, "task": prompt}


@dataclass(frozen=True, slots=True)
class Running:
    """A started system; its folder holds the key it made for itself, if it makes one."""

    system: System
    port: int
    process: Process
    folder: Path

    def ready(self) -> float:
        """Seconds from the start until it is ready."""
        return self.process.ready(f"http://127.0.0.1:{self.port}/ready")

    def target(self, *, stream: bool = False) -> Target:
        """Where it is asked, and what for."""
        key = self.folder / "api-key"
        headers = {"X-API-Key": key.read_text().strip()} if key.exists() else {}
        if self.system.does_nothing:
            return Target(self.port, self.system.path, headers=headers, answer="{}")
        return Target(self.port, self.system.path, self.system.body, headers, stream=stream)

    def load(self, *, connections: int, seconds: float, stream: bool = False) -> Load:
        """Puts it under load, or lets it put itself there."""
        if self.system.drives_itself:
            return self._own_load(connections, seconds)
        asks = self.target(stream=stream).asks()
        return uvloop.run(drive(self.port, asks, connections=connections, seconds=seconds))

    def _own_load(self, connections: int, seconds: float) -> Load:
        order = json.dumps({"connections": connections, "seconds": seconds}).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/run", order, timeout=seconds + 60) as answer:
            return Load(**json.load(answer))


def _served(application: str) -> tuple[str, ...]:
    return (f"benchmarks.peers.{application}:app", "--port", "{port}", "--no-access-log", "--log-level", "warning")


_CONFIGURED: Final = {"CONFIG_DIR": str(PROJECT / "benchmarks" / "config"), "OPENAI_API_KEY": "none"}
# Profile `bench`: every guard is on, and none has a reason to act, for the peers have nothing that could.
_BENCH: Final = {
    **_CONFIGURED,
    "MAX_CONCURRENT_AGENTS": "256",
    "ADAPTIVE__FLOOR": "256",
    "SCALING__MIN": "256",
    "SCALING__MAX": "256",
    "TUNING__CPU_HIGH": "100",
    "TUNING__LEAST_LANES": "256",
}

FLOOR: Final = System("floor: Starlette + aiohttp", "uvicorn", _served("passthrough"))
BASELINE: Final = System(
    "Agno and its client, no server",
    "benchmarks.peers.loop",
    ("{port}",),
    environment={"CLIENT": "aiohttp"},
    drives_itself=True,
)
NAIVE: Final = System("FastAPI + Agno, naive", "uvicorn", _served("naive"), environment={"CLIENT": "httpx"})
BULLPEN: Final = System(
    "Bullpen, slim client",
    "bullpen",
    ("serve", "--port", "{port}"),
    path="/agent/execute",
    members={"agent_type": "general"},
    environment={**_BENCH, "LLM__CLIENT": "slim"},
)
BULLPEN_ON_SDK: Final = replace(BULLPEN.set_to(LLM__CLIENT="sdk"), name="Bullpen, SDK as client")
BARE: Final = System("a bare Starlette POST", "benchmarks.peers.bare", ("{port}",), path="/nothing", does_nothing=True)
GUARDED: Final = System(
    "the same behind all guards",
    "benchmarks.peers.guarded",
    ("{port}",),
    path="/nothing",
    environment=_CONFIGURED,
    does_nothing=True,
)
SYSTEMS: Final = (
    FLOOR,
    System("OpenAI SDK alone", "uvicorn", _served("sdk")),
    BASELINE,
    NAIVE,
    replace(NAIVE.set_to(CLIENT="aiohttp"), name="the same on aiohttp"),
    BULLPEN,
    BULLPEN_ON_SDK,
)
