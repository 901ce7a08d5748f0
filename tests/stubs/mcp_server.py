"""A small MCP server: `python mcp_server.py` speaks over stdio, with a port over HTTP at `/mcp`."""

import sys

from mcp.server.mcpserver import MCPServer

server = MCPServer("stub", log_level="ERROR")


@server.tool()
def reverse(text: str) -> str:
    """Turns a text around."""
    return text[::-1]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        server.run("stdio")
