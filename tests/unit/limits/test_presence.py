"""Counting replicas when there is no Redis to count with; tests/contract has the rest."""

import socket

import pytest

from bullpen.errors import DependencyDown
from bullpen.limits.presence import Presence
from bullpen.stores import open_redis


async def test_without_redis_the_setting_holds() -> None:
    """Telling fails, the number stands, and closing is no error."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    client = open_redis(f"redis://127.0.0.1:{port}")
    presence = Presence(client, least=3)
    with pytest.raises(DependencyDown):
        await presence.tell()
    assert presence.replicas == 3
    presence.start()
    await presence.aclose()
    assert Presence(client).replicas == 1
    await client.aclose()
