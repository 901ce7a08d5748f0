"""People of two tenants with an API key each, and the audit trail as they read it."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Final, TypeAlias

import httpx

from tests.stubs.serving import Server

__all__ = ["ACME", "Crowd", "Row", "crowd", "made", "newest", "rows_of"]

ACME: Final = "acme"

Crowd: TypeAlias = Mapping[str, httpx.Client]
Row: TypeAlias = dict[str, Any]

_PEOPLE: Final[Mapping[str, Mapping[str, Any]]] = {
    "user": {"roles": ["user"]},
    "neighbour": {"roles": ["user"]},
    "analyst": {"roles": ["analyst"], "attributes": {"department": "finance"}},
    "developer": {"roles": ["developer"], "attributes": {"clearance_level": 0}},
    "cleared": {"roles": ["developer"], "attributes": {"clearance_level": 2}},
    "admin": {"roles": ["admin"]},
    "outsider": {"roles": ["admin"], "tenant": "rival"},
}
_LONGEST: Final = 500


def made(client: httpx.Client, **asked: Any) -> Row:
    """A fresh API key, as `POST /security/keys` tells it."""
    answer = client.post("/security/keys", json={"name": "made", **asked})
    assert answer.status_code == 201, answer.text
    document: Row = answer.json()
    return document


@contextmanager
def crowd(server: Server) -> Iterator[Crowd]:
    """A client for everybody: the people above, and four more.

    `nobody` has no credential, and `wrong` a key that was never made. `operator` is the administrator of the tenant
    `default`. `token` is the user, with an access token in the place of the key.
    """
    with ExitStack() as stack:
        operator = stack.enter_context(server.client())
        keys = {
            name: made(operator, **{"name": name, "tenant": ACME, **asked})["key"] for name, asked in _PEOPLE.items()
        }
        keys |= {"nobody": "", "wrong": f"bp_{'A' * 12}_{'0' * 64}"}
        clients = {name: stack.enter_context(server.client(key=key)) for name, key in keys.items()}
        access = clients["user"].post("/auth/token").json()["access_token"]
        bearer = {"Authorization": f"Bearer {access}"}
        token = stack.enter_context(server.client(key="", headers=bearer))
        yield {**clients, "operator": operator, "token": token}


def newest(client: httpx.Client, **asked: Any) -> list[Row]:
    """The newest rows of a chain, 500 at most, the last first."""
    answer = client.get("/audit/log", params={"limit": _LONGEST, **asked})
    assert answer.status_code == 200, answer.text
    rows: list[Row] = answer.json()["audit_log"]
    return rows


def rows_of(client: httpx.Client, request: httpx.Response | str, *kinds: str, **asked: Any) -> list[Row]:
    """What is recorded of a request, by its answer or its id; waits until all of these kinds are delivered."""
    request_id = request if isinstance(request, str) else request.headers["X-Request-ID"]
    end = time.monotonic() + 30
    while True:
        rows = [row for row in newest(client, **asked) if row["request_id"] == request_id]
        missing = set(kinds) - {row["event_type"] for row in rows}
        if not missing:
            return rows
        assert time.monotonic() < end, f"{missing} of {request_id} is not on record; there are {rows}."
