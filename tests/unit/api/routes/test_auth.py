"""The routes of tokens: who may have one, what is on record, and what counts as a guess."""

from collections.abc import AsyncIterator

import pytest

from tests.stubs.doors import Doors, doors


@pytest.fixture
async def door() -> AsyncIterator[Doors]:
    async with doors(guesses=3) as door:
        yield door


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def granted(door: Doors) -> dict[str, str]:
    answer = await door.ask("POST", "/auth/token", await door.key("analyst"))
    assert answer.headers["Cache-Control"] == "no-store"
    found: dict[str, str] = answer.json()
    return found


async def refreshed(door: Doors, token: str) -> int:
    return (await door.ask("POST", "/auth/refresh", json={"refresh_token": token})).status_code


async def opens(door: Doors, token: str) -> bool:
    return (await door.get("/thing", headers=bearer(token))).status_code == 200


async def test_a_key_is_exchanged_for_tokens(door: Doors) -> None:
    """On record with the session, for the key's owner, before the tokens leave."""
    found = await granted(door)
    issued = door.events[-1]
    assert (issued.type.value, issued.actor, issued.tenant) == ("token_issued", "ann", "acme")
    assert issued.details["session"]
    assert found["access_token"] not in str(door.outbox.appends)
    assert await opens(door, found["access_token"])


async def test_a_token_is_not_exchanged_for_tokens(door: Doors) -> None:
    """It would never end; the refusal is on record."""
    token = (await granted(door))["access_token"]
    door.forget()
    answer = await door.ask("POST", "/auth/token", headers=bearer(token))
    assert answer.status_code == 403
    assert door.types == ["authentication_success", "authorization_denied"]


async def test_a_refresh_token_is_good_for_one_exchange(door: Doors) -> None:
    """The second time revokes its session, and both events tell whose it was."""
    found = await granted(door)
    door.forget()
    again = await door.ask("POST", "/auth/refresh", json={"refresh_token": found["refresh_token"]})
    assert again.headers["Cache-Control"] == "no-store"
    assert (door.types, door.events[-1].actor) == (["token_refreshed"], "ann")
    assert await refreshed(door, found["refresh_token"]) == 401
    assert door.types[-1] == "token_reused"
    assert not await opens(door, again.json()["access_token"])


async def test_wrong_refresh_tokens_are_guesses(door: Doors) -> None:
    """Nobody who was ever given one would show them."""
    statuses = [await refreshed(door, f"br_{name * 12}_{'0' * 64}") for name in "ABCDE"]
    assert statuses[0] == 401
    assert statuses[-1] == 429, statuses
    assert "guessing_slowed" in door.types


async def test_revoking_ends_a_session_strictly(door: Doors) -> None:
    """On record before it is done, and not done when it cannot be recorded."""
    found = await granted(door)
    door.forget()
    door.outbox.degraded = True
    refused = await door.ask("POST", "/auth/revoke", json={"token": found["refresh_token"]})
    assert refused.status_code == 503
    assert await opens(door, found["access_token"])
    door.outbox.degraded = False
    door.forget()
    assert (await door.ask("POST", "/auth/revoke", json={"token": found["access_token"]})).status_code == 200
    assert (door.types, door.outbox.stricts) == (["token_revoked"], [True])
    assert (door.events[-1].tenant, door.events[-1].actor) == ("acme", "ann")
    assert not await opens(door, found["access_token"])


async def test_what_is_no_token_needs_no_revoking(door: Doors) -> None:
    """200, RFC 7009 §2.2, and no event: nothing was revoked."""
    assert (await door.ask("POST", "/auth/revoke", json={"token": "x"})).status_code == 200
    assert door.types == []
