"""A small MCP server: `python mcp_server.py` speaks over stdio, with a port over HTTP at `/mcp`."""

import os
import sys
import time

from mcp.server.mcpserver import MCPServer

server = MCPServer("stub", log_level="ERROR")


@server.tool()
def reverse(text: str) -> str:
    """Turns a text around."""
    return text[::-1]


@server.tool()
def pid() -> str:
    """Which process this is."""
    return str(os.getpid())


@server.tool()
def die() -> str:
    """Never returns."""
    os._exit(1)


@server.tool()
async def sleep(seconds: float) -> str:
    """Holds everything up, answers to pings too."""
    time.sleep(seconds)  # noqa: ASYNC251 - a badly written server is what is wanted
    return "awake"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        server.run("stdio")
