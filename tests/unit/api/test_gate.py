"""The gate: in which order it asks, what it writes down, and what it counts."""

import asyncio
from typing import Any

import pytest

from bullpen.limits import Rules
from bullpen.limits.rules import Level, Rule
from tests.stubs import tokens
from tests.stubs.doors import ADDRESS, PROXY, Doors, doors
from tests.stubs.exposition import Exposition

WRONG = f"bp_{'A' * 12}_{'0' * 64}"


def now(door: Doors) -> dict[str, Any]:
    return {"iat": door.clock.now(), "exp": door.clock.now() + 600}


def shown(door: Doors, **labels: str) -> float:
    """How many credentials were counted."""
    return Exposition(door.metrics.render().decode()).value("bullpen_authentications_total", **labels)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_who_comes_before_may() -> None:
    """A yes is two events, in the order in which they were decided, of one request and the caller's own tenant."""
    async with doors() as door:
        answer = await door.get("/thing", await door.key("analyst"))
        assert answer.status_code == 200
        assert door.types == ["api_key_auth_success", "authorization_success"]
        assert {event.tenant for event in door.events} == {"acme"}
        assert {event.actor for event in door.events} == {"ann"}
        assert {event.origin.request_id for event in door.events} == {answer.headers["X-Request-ID"]}


async def test_a_no_is_on_record() -> None:
    """With the permission that was missing; the caller is known by then."""
    async with doors() as door:
        answer = await door.get("/thing", await door.key("user"))
        assert answer.status_code == 403
        assert door.types == ["api_key_auth_success", "authorization_denied"]
        assert door.events[-1].outcome == "denied"
        assert door.events[-1].details["permission"] == "data:read"


async def test_a_token_is_told_from_a_key() -> None:
    """By the event and by the metric."""
    async with doors() as door:
        await door.get("/thing", headers=bearer(tokens.token(**now(door))))
        assert door.types[0] == "authentication_success"
        assert shown(door, method="jwt", outcome="success") == 1 == shown(door)


@pytest.mark.parametrize(
    ("headers", "event", "facts", "method"),
    [
        ({}, "credential_missing", {}, "none"),
        ({"X-API-Key": WRONG}, "api_key_auth_failed", {"key_id": "A" * 12}, "credential"),
        (bearer("no.token.this"), "token_invalid", {"reason": "form"}, "credential"),
        ({"X-API-Key": WRONG, **bearer("x")}, "token_invalid", {"reason": "two_credentials"}, "credential"),
    ],
)
async def test_what_is_wrong_with_a_credential_is_on_record(
    headers: dict[str, str], event: str, facts: dict[str, str], method: str
) -> None:
    """As one event of nobody's tenant, with why and from where, and in the metric."""
    async with doors() as door:
        answer = await door.get("/thing", headers={"User-Agent": "x" * 1000, **headers})
        assert answer.status_code == 401
        assert door.types == [event]
        found = door.events[0]
        assert (found.tenant, found.outcome, found.actor) == ("-", "denied", "")
        assert found.details == facts
        assert (found.origin.address, found.origin.route) == (ADDRESS, "/thing")
        assert len(found.origin.user_agent) == 256
        assert shown(door, method=method, outcome="denied") == 1 == shown(door)


@pytest.mark.parametrize("name", ["X-API-Key", "Authorization"])
async def test_a_header_that_is_sent_twice_is_refused(name: str) -> None:
    """A proxy and we might believe another one each; both being right does not help."""
    async with doors() as door:
        key = await door.key("analyst")
        sent = [(name, key if name == "X-API-Key" else f"Bearer {key}")] * 2
        answer = await door.client.get("/thing", headers=sent)
        assert answer.status_code == 401
        assert "Send it once" in answer.json()["detail"]
        assert door.types == ["token_invalid"]


async def test_whoever_guesses_waits() -> None:
    """The wait is on record once; from then on a key is not even looked at, right or wrong, and nothing is recorded."""
    async with doors(guesses=3) as door:
        key = await door.key("analyst")
        wrong = [f"bp_{name * 12}_{'0' * 64}" for name in "ABCDE"]
        statuses = [(await door.get("/thing", each)).status_code for each in wrong]
        assert statuses == [401, 401, 401, 401, 429]
        assert door.types.count("guessing_slowed") == 1
        assert door.types[-1] == "guessing_slowed"
        door.forget()
        answer = await door.get("/thing", key)
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) >= 1
        assert door.types == []
        metrics = Exposition(door.metrics.render().decode())
        assert metrics.value("bullpen_rate_limited_total", level="guesses") == 2


async def test_what_was_honest_once_is_no_guess() -> None:
    """An expired token and no credential at all are refused as often as they come."""
    async with doors(guesses=3) as door:
        old = tokens.token(iat=door.clock.now() - 900, exp=door.clock.now() - 800)
        for _ in range(5):
            assert (await door.get("/thing", headers=bearer(old))).status_code == 401
            assert (await door.get("/thing")).status_code == 401
        assert "guessing_slowed" not in door.types


@pytest.mark.parametrize("forged", [True, False])
async def test_what_nobody_ever_had_is_a_guess(forged: bool) -> None:
    """A token we never signed, and what is no token at all."""
    async with doors(guesses=3) as door:
        for name in "abcd":
            each = tokens.token(secret=name * 40, **now(door)) if forged else f"{name}.b.c"
            assert (await door.get("/thing", headers=bearer(each))).status_code == 401
        assert door.types[-1] == "guessing_slowed"


async def test_a_store_that_is_away_is_nobodys_guess() -> None:
    """503, and nothing is said of a credential that was not looked at."""
    async with doors(guesses=1) as door:
        key = await door.key("analyst")
        door.clock.pass_time(60)
        assert [(await door.get("/thing", key)).status_code for _ in range(3)] == [503] * 3
        assert door.types == []


async def test_a_success_keeps_its_own_key_open() -> None:
    """Honest people may share an address with somebody who guesses: a key that was right there before goes on."""
    async with doors(guesses=3) as door:
        key = await door.key("analyst")
        assert (await door.get("/thing", key)).status_code == 200
        for name in "ABCD":
            await door.get("/thing", f"bp_{name * 12}_{'0' * 64}")
        assert (await door.get("/thing", key)).status_code == 200


async def test_one_customer_is_one_guesser() -> None:
    """Whoever has a /64 of IPv6 has more addresses than there are guesses, and more than there are limits."""
    async with doors(guesses=3, address=PROXY) as door:
        for number, name in enumerate("ABCD"):
            await door.get("/thing", f"bp_{name * 12}_{'0' * 64}", headers={"X-Forwarded-For": f"2001:db8::{number}"})
        assert door.types[-1] == "guessing_slowed"
        assert (await door.get("/thing", WRONG, headers={"X-Forwarded-For": "2001:db8::ffff"})).status_code == 429
        assert (await door.get("/thing", WRONG, headers={"X-Forwarded-For": "2001:db8:0:1::1"})).status_code == 401


@pytest.mark.parametrize("known", [True, False])
async def test_one_customer_has_one_limit(known: bool) -> None:
    """Strangers and callers alike."""
    async with doors(rules=Rules(levels={"address": Rule(rate=1, per=60, burst=1)}), address=PROXY) as door:
        key = await door.key("analyst") if known else ""
        asked = [await door.get("/thing", key, headers={"X-Forwarded-For": f"2001:db8::{each}"}) for each in (1, 2)]
    assert [answer.status_code for answer in asked] == [200 if known else 401, 429]


async def test_a_stranger_is_limited_by_address() -> None:
    """Every refusal of a credential is charged, so that nobody fills the trail for nothing."""
    async with doors(rules=Rules(levels={"address": Rule(rate=2, per=60, burst=2)})) as door:
        statuses = [(await door.get("/thing")).status_code for _ in range(3)]
        assert statuses == [401, 401, 429]
        assert door.types[-2:] == ["credential_missing", "burst_limit_triggered"]
        assert door.events[-1].details["level"] == "address"


async def test_who_meets_the_gate_is_charged_once() -> None:
    """A credential in the body is charged when it arrives, and not again when it is wrong."""
    async with doors(rules=Rules(levels={"address": Rule(rate=2, per=60, burst=2)})) as door:
        sent = [await door.ask("POST", "/auth/refresh", json={"refresh_token": "x"}) for _ in range(3)]
        assert [answer.status_code for answer in sent] == [401, 401, 429]


async def test_who_meets_the_gate_is_charged_whatever_comes() -> None:
    """To revoke what is no token is answered 200, and as limited as all else."""
    async with doors(rules=Rules(levels={"address": Rule(rate=1, per=60, burst=1)})) as door:
        sent = [await door.ask("POST", "/auth/revoke", json={"token": "x"}) for _ in range(2)]
    assert [answer.status_code for answer in sent] == [200, 429]


async def test_a_limit_comes_before_a_permission() -> None:
    """Whoever asks too often learns nothing more about what they may."""
    async with doors(rules=Rules(levels={"user": Rule(rate=1, per=60, burst=1)})) as door:
        key = await door.key("user")
        assert [(await door.get("/thing", key)).status_code for _ in range(2)] == [403, 429]
        assert door.types[-2:] == ["api_key_auth_success", "burst_limit_triggered"]
        assert door.events[-1].actor == "ann"


@pytest.mark.parametrize("level", ["user", "api_key", "department", "tenant", "address", "route", "global"])
async def test_every_level_is_asked(level: Level) -> None:
    """The subject has all its parts."""
    rules = Rules(levels={level: Rule(rate=1, per=60, burst=1)})
    async with doors(rules=rules) as door:
        key = await door.key("admin", attributes={"department": "finance"})
        assert [(await door.get("/thing", key)).status_code for _ in range(2)] == [200, 429]


@pytest.mark.parametrize("level", ["user", "api_key", "department", "tenant"])
async def test_others_have_limits_of_their_own(level: Level) -> None:
    """Another tenant's user of the same name, department and all is somebody else."""
    rules = Rules(levels={level: Rule(rate=1, per=60, burst=1)})
    async with doors(rules=rules) as door:
        keys = [await door.key("admin", tenant=each, attributes={"department": "x"}) for each in ("acme", "rival")]
        assert [(await door.get("/thing", key)).status_code for key in keys] == [200, 200]


async def test_a_role_may_have_limits_of_its_own() -> None:
    """The subject has the caller's roles."""
    one = Rule(rate=1, per=60, burst=1)
    async with doors(rules=Rules(levels={"user": one}, roles={"admin": {"user": None}})) as door:
        key = await door.key("admin")
        assert [(await door.get("/thing", key)).status_code for _ in range(2)] == [200, 200]


async def test_a_route_may_ask_for_a_second_factor() -> None:
    """A key has none; the refusal says how to come back, is on record, and is no guess."""
    async with doors(mfa_routes=["/th*"], guesses=1) as door:
        key = await door.key("admin")
        for _ in range(3):
            answer = await door.get("/thing", key)
            assert answer.status_code == 401
        assert 'acr_values="strong"' in answer.headers["WWW-Authenticate"]
        assert door.types == ["api_key_auth_success", "authorization_denied"] * 3
        assert {event.actor for event in door.events} == {"ann"}
        assert (await door.get("/security/keys", key)).status_code == 200


async def test_a_run_reserves_tokens_and_gives_back_what_it_did_not_use() -> None:
    """One that spends nothing costs nothing; one that spends more than it reserved is charged all of it."""
    rules = Rules(levels={"user": Rule(tokens_per_minute=60, tokens_burst=200)})
    async with doors(rules=rules) as door:
        key = await door.key("user")
        free = [(await door.ask("POST", "/run", key)).status_code for _ in range(3)]
        assert free == [200, 200, 200]
        assert (await door.ask("POST", "/run?spend=300", key)).status_code == 200
        answer = await door.ask("POST", "/run", key)
        assert answer.status_code == 429
        assert door.events[-1].details["level"] == "user-tokens"
        assert (await door.get("/thing", key)).status_code == 403, "What runs nothing waits for no tokens."
        door.clock.pass_time(240)
        await door.replica.look()
        assert (await door.ask("POST", "/run", key)).status_code == 200


async def test_a_long_body_reserves_more() -> None:
    """A token in four bytes, before anything of it is read; a length that is no number counts for nothing."""
    rules = Rules(levels={"user": Rule(tokens_per_minute=60, tokens_burst=200)})
    async with doors(rules=rules) as door:
        key = await door.key("user")
        assert (await door.ask("POST", "/run?spend=60", key, content=b"x" * 160)).status_code == 200
        assert (await door.ask("POST", "/run", key, content=b"x" * 160)).status_code == 200
        assert (await door.ask("POST", "/run", key, content=b"x" * 400)).status_code == 429


async def test_a_batch_has_one_place_and_pays_for_all() -> None:
    """It is let in once and charged for the rest."""
    rules = Rules(levels={"user": Rule(rate=60, per=60, burst=5, concurrent=1)})
    async with doors(rules=rules) as door:
        key = await door.key("user")
        assert (await door.get("/batch?more=3", key)).status_code == 200
        assert (await door.get("/batch?more=3", key)).status_code == 429


async def test_a_place_is_given_back_at_the_end() -> None:
    """While one is inside, the next is refused; after it, there is room, however it ended."""
    rules = Rules(levels={"user": Rule(concurrent=1)})
    async with doors(rules=rules) as door:
        key = await door.key("user")
        for path in ("/thing", "/security/keys/nothing", "/batch?more=0"):
            assert (await door.get(path, key)).status_code in {200, 403, 405}
        door.outbox.waits = asyncio.Event()
        door.outbox.begun.clear()
        first = asyncio.create_task(door.get("/thing", key))
        await door.outbox.begun.wait()
        door.clock.pass_time(20)  # a place is held for as long as a request may last
        second = asyncio.create_task(door.get("/thing", key))
        await asyncio.sleep(0)
        door.outbox.waits.set()
        assert {(await first).status_code, (await second).status_code} == {403, 429}
        assert "concurrency_limit_reached" in door.types
