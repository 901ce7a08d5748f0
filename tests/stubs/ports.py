"""Free TCP ports on the loopback address."""

import socket

__all__ = ["free_port"]


def free_port() -> int:
    """A port nothing listens on now; take it soon."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
