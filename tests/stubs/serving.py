"""The real server, as a process of its own, in a working folder and an environment of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import httpx

from tests.stubs.ports import free_port

__all__ = ["PROJECT", "Server", "bullpen"]

PROJECT: Final = Path(__file__).parents[2]


def bullpen(*arguments: str, folder: Path, settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs the command line to its end, standard error and output in one, and fails after 60 s."""
    return subprocess.run(
        _command(*arguments),
        cwd=folder,
        env=_environment(folder, settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )


class Server:
    """A `bullpen serve`. Use it as a context manager, or `start` and `stop` it.

    Args:
        folder: Its working folder; everything it writes lies there.
        settings: Its environment, beside `PATH`, `HOME` and `DATA_DIR`; nothing of ours is inherited.
        host: Where it listens.
        arguments: More of them for `serve`.
        module: What `python -m` runs: the command line, or a launcher around it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, str],
        host: str = "127.0.0.1",
        arguments: Sequence[str] = (),
        module: str = "bullpen",
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._host = host
        self._settings = settings
        self._arguments = arguments
        self._module = module
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process, while it runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def api_key(self) -> str:
        """The key the server made for itself."""
        return (self.folder / ".bullpen" / "api-key").read_text().strip()

    def start(self, *, within: float = 60.0) -> None:
        """Starts it and waits until it is ready, `within` seconds."""
        environment = _environment(self.folder, self._settings)
        serve = ("serve", "--host", self._host, "--port", str(self.port), *self._arguments)
        command = _command(*serve, module=self._module)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        end = time.monotonic() + within
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise AssertionError(f"The server did not become ready:\n{self.output()}")
            time.sleep(0.05)

    def client(self, *, key: str | None = None, **options: Any) -> httpx.Client:
        """A client with the server's own API key, or with `key`; an empty one sends none."""
        shown = self.api_key if key is None else key
        headers = {**({"X-API-Key": shown} if shown else {}), **options.pop("headers", {})}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, **options)

    def bullpen(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs another command in the server's folder and environment."""
        return bullpen(*arguments, folder=self.folder, settings=self._settings)

    def ask_to_stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Sends the signal, without waiting."""
        if self._process is not None:
            self._process.send_signal(by)

    def stop(self, by: signal.Signals = signal.SIGTERM, *, within: float = 30.0) -> int:
        """Stops it and returns its exit code; -9 when it did not stop in time."""
        if self._process is None:
            return 0
        self.ask_to_stop(by)
        try:
            return self._process.wait(timeout=within)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def output(self) -> str:
        """Everything it has printed and logged so far."""
        return self._log.read_text(errors="replace")

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/ready", timeout=5).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


def _command(*arguments: str, module: str = "bullpen") -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def _environment(folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    made = {"PATH": os.environ["PATH"], "HOME": str(folder), "DATA_DIR": str(folder / ".bullpen")}
    return {**made, "CONFIG_DIR": str(PROJECT / "config"), **settings}
