"""The hall: nothing leaves before it is on record, and whatever was begun is ended."""

import asyncio
from typing import Any

import pytest

from bullpen.api.middleware import Arrival
from bullpen.errors import DependencyDown
from bullpen.limits import Rules
from bullpen.limits.rules import Rule
from bullpen.telemetry import Metrics
from tests.stubs.doors import PROXY, doors
from tests.stubs.kept import Kept

SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "GET",
    "path": "/",
    "headers": [],
    "client": ("192.0.2.7", 1),
    "scheme": "http",
}


class Refusing(Kept):
    """Refuses so many appends, and takes the others."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.left = times

    async def append(self, facts: Any, *, strict: bool = False) -> None:
        if self.left:
            self.left -= 1
            raise DependencyDown("Nothing can be recorded now.")
        await super().append(facts, strict=strict)


async def test_nothing_leaves_before_it_is_on_record() -> None:
    """An answer waits for as long as recording takes."""
    async with doors() as door:
        key = await door.key("analyst")
        door.outbox.waits = asyncio.Event()
        asking = asyncio.create_task(door.get("/thing", key))
        await door.outbox.begun.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        assert not asking.done()
        door.outbox.waits.set()
        assert (await asking).status_code == 200
        assert door.types == ["api_key_auth_success", "authorization_success"]


async def test_what_cannot_be_recorded_is_not_answered() -> None:
    """A 503 that says when to come back takes the answer's place, and what was not recorded is not kept for ever."""
    async with doors() as door:
        key = await door.key("analyst")
        door.outbox.away = True
        answer = await door.get("/thing", key)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        assert "ann" not in answer.text
        door.outbox.away = False
        assert (await door.get("/thing", key)).status_code == 200
        assert door.types == ["api_key_auth_success", "authorization_success"]


async def test_a_refusal_is_on_record_when_it_is_the_second_try_that_succeeds() -> None:
    """Recording is tried again for the 503, so that nothing is lost that need not be."""
    async with doors(outbox=Refusing(1)) as door:
        answer = await door.get("/thing", await door.key("analyst"))
        assert answer.status_code == 503
        assert door.types == ["api_key_auth_success", "authorization_success"]


async def test_what_happens_after_the_answer_is_recorded_too() -> None:
    """A stream that breaks off has done things by then."""
    async with doors() as door:
        with pytest.raises(LookupError):
            await door.get("/late", await door.key("analyst"))
        await asyncio.sleep(0)
        assert door.types[-1] == "data_read"


async def test_whoever_gives_up_leaves_their_place() -> None:
    """A request that is cancelled while it waits ends like any other: recorded, and its place is free."""
    async with doors(rules=Rules(levels={"user": Rule(concurrent=1)})) as door:
        key = await door.key("analyst")
        door.outbox.waits = asyncio.Event()
        asking = asyncio.create_task(door.get("/thing", key))
        await door.outbox.begun.wait()
        asking.cancel()
        door.outbox.waits.set()
        assert (await asking).status_code == 503
        assert (await door.get("/thing", key)).status_code == 200
        assert door.types.count("authorization_success") == 2


@pytest.mark.parametrize(
    ("address", "proto", "told"),
    [(PROXY, "https", True), (PROXY, "http", False), ("192.0.2.9", "https", False)],
)
async def test_only_who_came_over_tls_is_told_to_stay_there(address: str, proto: str, told: bool) -> None:
    """By `Strict-Transport-Security`, RFC 6797 §7.2; a stranger's word that it was TLS is none."""
    async with doors(address=address) as door:
        answer = await door.get("/thing", headers={"X-Forwarded-Proto": proto, "X-Forwarded-For": "192.0.2.1"})
    assert ("Strict-Transport-Security" in answer.headers) == told


async def test_a_client_learns_of_its_limits() -> None:
    """In every answer behind the gate; a refusal tells once, also of whom was let in for less."""
    async with doors(rules=Rules(levels={"user": Rule(rate=1, per=60, burst=2)})) as door:
        key = await door.key("analyst")
        answers = [await door.get(path, key) for path in ("/thing", "/batch?more=9", "/thing")]
    assert [answer.status_code for answer in answers] == [200, 429, 429]
    for answer in answers:
        assert len(answer.headers.get_list("RateLimit")) == 1
        assert len(answer.headers.get_list("RateLimit-Policy")) == 1


@pytest.mark.parametrize(("given", "kept"), [("abc-1._", True), ("x" * 129, False), ("a b", False), ("", False)])
async def test_a_request_may_bring_its_id(given: str, kept: bool) -> None:
    """If nothing in it could forge a line of a log."""
    async with doors() as door:
        answer = await door.get("/thing", headers={"X-Request-ID": given})
        assert (answer.headers["X-Request-ID"] == given) == kept
        assert door.events[0].origin.request_id == answer.headers["X-Request-ID"]


async def test_an_answer_that_has_begun_is_not_begun_again() -> None:
    """What fails afterwards goes on to the server, which breaks the connection off."""
    messages: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise LookupError

    async def send(message: Any) -> None:
        messages.append(message["type"])

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    with pytest.raises(LookupError):
        await Arrival(app, metrics=Metrics(), timeout=1)(dict(SCOPE), receive, send)
    assert messages == ["http.response.start"]
