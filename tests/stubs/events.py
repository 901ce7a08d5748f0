"""Reading server-sent events (WHATWG HTML, 9.2) as a client would."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

__all__ = ["HEARTBEAT", "ServerEvent", "events_of", "names_of"]

HEARTBEAT = "(comment)"


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event, or a comment, whose name is `HEARTBEAT`."""

    name: str
    id: str = ""
    data: Any = None


def events_of(response: httpx.Response) -> Iterator[ServerEvent]:
    """The events of an open stream, as they come in."""
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        if line.startswith(":"):
            yield ServerEvent(HEARTBEAT)
        elif line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield ServerEvent(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
            fields = {}


def names_of(events: list[ServerEvent]) -> list[str]:
    """The events' names without heartbeats, each run of equal ones once."""
    names = [event.name for event in events if event.name != HEARTBEAT]
    return [name for index, name in enumerate(names) if index == 0 or names[index - 1] != name]
