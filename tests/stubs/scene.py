"""Somebody who comes to a server and leaves a trace, and the proof that it is the right one and no more."""

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import httpx
import orjson

from bullpen.security.audit import EventType
from tests.stubs import tokens
from tests.stubs.behaviour import ANSWER, SECRET
from tests.stubs.people import Row, rows_of
from tests.stubs.serving import Server

__all__ = ["HOUSE", "TASK", "Caused", "Scene", "known"]

HOUSE: Final = "-"
"""The chain of what concerns nobody's tenant."""
TASK: Final = "Whisper the canary zebrafinch-7f3a to nobody."

_AGENT: Final = "somebody-of-these-tests/1.0"
_CANARIES: Final = ("zebrafinch", ANSWER, SECRET, tokens.SECRET)


class Caused(NamedTuple):
    """What a request has left: its answer, and the row that is to be found of it."""

    answer: httpx.Response
    user_id: str = ""
    tenant: str = HOUSE
    outcome: str = "denied"
    details: Mapping[str, Any] = MappingProxyType({})


class Scene:
    """A server, and those who come to it; `secrets` is everything that was shown to it or by it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.secrets: list[str] = [*_CANARIES, server.api_key]

    def by_key(self, key: str | None = None) -> httpx.Client:
        """Somebody with an API key, the operator without one."""
        self.secrets.append(key or self.server.api_key)
        return self.server.client(key=key, headers={"User-Agent": _AGENT})

    def by_token(self, bearer: str) -> httpx.Client:
        """Somebody with a token; an empty one is nobody."""
        self.secrets += [part for part in (bearer, *bearer.split(".")[1:]) if part]
        shown = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        return self.server.client(key="", headers={"User-Agent": _AGENT, **shown})

    def ada(self, **claims: Any) -> httpx.Client:
        """The analyst of `tests.stubs.tokens`."""
        return self.by_token(tokens.token(**claims))

    def grant(self) -> dict[str, Any]:
        """Fresh tokens of the operator's."""
        with self.by_key() as client:
            answer: dict[str, Any] = client.post("/auth/token").json()
        self.secrets += [answer["access_token"], answer["refresh_token"]]
        return answer

    def check(self, caused: Caused, kind: EventType, *, begun: float, route: str = "") -> Row:
        """The row has every member, and neither it nor any other of the request has what must not be there."""
        with self.server.client() as operator:
            rows = rows_of(operator, caused.answer, kind, tenant=caused.tenant)
        row = next(row for row in rows if row["event_type"] == kind)
        asked = caused.answer.request
        assert begun - 1 <= row["timestamp"] <= time.time() + 1
        assert (row["user_id"], row["tenant"], row["outcome"]) == caused[1:4]
        assert (row["ip_address"], row["user_agent"]) == ("127.0.0.1", _AGENT)
        assert row["route"] == (route or asked.url.path)
        assert caused.details.items() <= row["details"].items()
        assert (row["credential"] != "") == (row["user_id"] != "")
        self.check_silent(rows)
        return row

    def check_silent(self, rows: list[Row]) -> None:
        """No word of a task or an answer, and nothing that opens a door."""
        written = orjson.dumps(rows).decode()
        assert [secret for secret in self.secrets if secret in written] == []


def known(answer: httpx.Response, user_id: str = "ada", outcome: str = "success", **details: Any) -> Caused:
    """What somebody of the tenant `default` has caused."""
    return Caused(answer, user_id=user_id, tenant="default", outcome=outcome, details=details)
