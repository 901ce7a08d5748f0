"""What is measured: each system with how it is started, where it is asked and what it is asked."""

import json
import os
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import uvloop

from benchmarks.load import Load, Target, drive
from benchmarks.process import Process, free_port, on_core

__all__ = ["BARE", "BASELINE", "BULLPEN", "GUARDED", "PROJECT", "SYSTEMS", "Running", "System"]

PROJECT: Final = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class System:
    """One system: a program with one worker.

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

    def load(self, *, connections: int, seconds: float) -> Load:
        """Puts it under load, or lets it put itself there."""
        if self.system.drives_itself:
            return self._own_load(connections, seconds)
        key = self.folder / "api-key"
        headers = {"X-API-Key": key.read_text().strip()} if key.exists() else {}
        if self.system.does_nothing:
            target = Target(self.port, self.system.path, headers=headers, answer="{}")
        else:
            target = Target(self.port, self.system.path, self.system.body, headers)
        return uvloop.run(drive(target, connections=connections, seconds=seconds))

    def _own_load(self, connections: int, seconds: float) -> Load:
        order = json.dumps({"connections": connections, "seconds": seconds}).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/run", order, timeout=seconds + 60) as answer:
            return Load(**json.load(answer))


def _served(application: str) -> tuple[str, ...]:
    return (f"benchmarks.peers.{application}:app", "--port", "{port}", "--no-access-log", "--log-level", "warning")


_CONFIGURED: Final = {"CONFIG_DIR": str(PROJECT / "benchmarks" / "config"), "OPENAI_API_KEY": "none"}

BASELINE: Final = System(
    "Agno and its client, no server",
    "benchmarks.peers.loop",
    ("{port}",),
    environment={"CLIENT": "aiohttp"},
    drives_itself=True,
)
BULLPEN: Final = System(
    "Bullpen, one agent, API key",
    "bullpen",
    ("serve", "--port", "{port}"),
    path="/agent/execute",
    members={"agent_type": "general"},
    environment={
        **_CONFIGURED,
        "MAX_CONCURRENT_AGENTS": "256",  # as many lanes as connections: the peers have no limit to wait for
    },
)
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
    System("floor: Starlette + aiohttp", "uvicorn", _served("passthrough")),
    BASELINE,
    System("FastAPI + Agno, naive", "uvicorn", _served("naive"), environment={"CLIENT": "httpx"}),
    System("the same on aiohttp", "uvicorn", _served("naive"), environment={"CLIENT": "aiohttp"}),
    BULLPEN,
)
