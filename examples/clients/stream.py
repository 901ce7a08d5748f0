"""Asks an agent one question and prints the answer while it is made, from server-sent events.

    python examples/clients/stream.py "What is 17 * 23?"

The address is BULLPEN_URL, the key BULLPEN_API_KEY or what `make run` wrote into `.bullpen/api-key`.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx

URL = os.environ.get("BULLPEN_URL", "http://127.0.0.1:8000")


def api_key() -> str:
    """The key to show."""
    return os.environ.get("BULLPEN_API_KEY") or Path(".bullpen/api-key").read_text(encoding="ascii").strip()


def events(lines: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and data of each event. Lines that begin with a colon are heartbeats; each `data` is one line of JSON."""
    name = ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


def tell(name: str, data: dict[str, Any]) -> None:
    """Prints one event."""
    match name:
        case "delta":
            print(data["text"], end="", flush=True)
        case "tool":
            print(f"[{data['tool']}: {data['status']}]", file=sys.stderr)
        case "done":
            print(f"\n[{data['model']}, {data['duration']:.2f} s]", file=sys.stderr)
        case "error":
            print(f"\n{data['title']}: {data['detail']}", file=sys.stderr)


def main(task: str) -> int:
    """Prints the events of one run."""
    headers = {"X-API-Key": api_key(), "Accept": "text/event-stream"}
    body = {"agent_type": "general", "task": task}
    name = "error"
    # A heartbeat comes every 15 s at the latest, so a longer silence means that the server is gone.
    with (
        httpx.Client(base_url=URL, headers=headers, timeout=30) as client,
        client.stream("POST", "/agent/execute", json=body) as response,
    ):
        if not response.is_success:
            # A failure before the first event is an ordinary answer with an ordinary status.
            tell("error", json.loads(response.read()))
            return 1
        for name, data in events(response.iter_lines()):
            tell(name, data)
    return 0 if name == "done" else 1


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:]) or "What is 17 * 23?"))
