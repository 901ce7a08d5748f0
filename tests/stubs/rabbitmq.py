"""A real RabbitMQ, where Debian's package is installed: private ports, private folders, nothing left behind."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Final

from tests.stubs.ports import free_port

__all__ = ["PROGRAM", "running_rabbitmq", "speaks_amqp"]

# The wrapper in /usr/sbin insists on its own user and folders; this is what it wraps.
PROGRAM: Final = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_GREETING: Final = b"AMQP\x00\x00\x09\x01"


@contextmanager
def running_rabbitmq(folder: Path, *, within: float = 90.0) -> Iterator[str]:
    """The URL of a broker with its data in `folder`; ready in about 12 s, and given up after `within` seconds."""
    port, mapper = free_port(), free_port()
    environment = _environment(folder, port=port, mapper=mapper)
    with (folder / "output").open("wb") as output:
        broker = subprocess.Popen([PROGRAM], env=environment, stdout=output, stderr=output, start_new_session=True)
    try:
        _await_ready(broker, port=port, output=folder / "output", within=within)
        yield f"amqp://guest:guest@127.0.0.1:{port}/"
    finally:
        _stop(broker, environment)


def speaks_amqp(host: str, port: int) -> bool:
    """Whether an AMQP 0-9-1 broker answers the protocol header with a method frame (`Connection.Start`)."""
    try:
        with socket.create_connection((host, port), timeout=5) as connection:
            connection.sendall(_GREETING)
            return connection.recv(1) == b"\x01"
    except OSError:
        return False


def _environment(folder: Path, *, port: int, mapper: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(mapper),
        "RABBITMQ_NODENAME": f"bullpen{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_CONFIG_FILE": str(folder / "none"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
    }


def _await_ready(broker: subprocess.Popen[bytes], *, port: int, output: Path, within: float) -> None:
    end = time.monotonic() + within
    while not speaks_amqp("127.0.0.1", port):
        if broker.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"RabbitMQ did not start: {output.read_text()[-2000:]}")
        time.sleep(0.2)


def _stop(broker: subprocess.Popen[bytes], environment: dict[str, str]) -> None:
    broker.terminate()
    try:
        broker.wait(timeout=30)
    except subprocess.TimeoutExpired:
        broker.kill()
        broker.wait()
    # Erlang's port mapper outlives the broker; this one is ours alone, by its port.
    if epmd := which("epmd"):
        subprocess.run([epmd, "-kill"], env=environment, check=False, capture_output=True, timeout=10)
