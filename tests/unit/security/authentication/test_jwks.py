"""The provider's keys: found, kept, and never asked for too often."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bullpen.errors import DependencyDown, Misconfigured
from bullpen.security.authentication.jwks import KeySet
from bullpen.security.authentication.jwt import Header
from tests.stubs.clock import StillClock
from tests.stubs.oidc import Mood, Oidc

RSA = Header("RS256", "rsa-0")
EC = Header("ES256", "ec-0")
NEW = Header("RS256", "rsa-1")


@pytest.fixture
def oidc() -> Iterator[Oidc]:
    with Oidc() as provider:
        yield provider


@asynccontextmanager
async def opened(oidc: Oidc, clock: StillClock | None = None, **changes: Any) -> AsyncIterator[KeySet]:
    told = {"algorithms": ["RS256", "ES256"], "patience": 10.0, **changes}
    async with KeySet(oidc.jwks_url, clock=clock or StillClock(), **told) as keys:
        yield keys


async def until(happens: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while True:
            if happens():
                return
            await asyncio.sleep(0.005)


async def test_a_known_key_is_found_without_a_wait(oidc: Oidc) -> None:
    """Both kinds are there from the start, and asking for them again asks nobody."""
    async with opened(oidc) as keys:
        for header in (RSA, EC):
            found = keys.known(header)
            assert found is not None
            assert (found.id, found.algorithm) == (header.key_id, header.algorithm)
            assert await keys.find(header) is found
        assert oidc.asked == 1


async def test_a_key_is_for_its_own_algorithm_only(oidc: Oidc) -> None:
    """Neither another algorithm of the same kind nor one of another kind, and no look for it."""
    clock = StillClock()
    async with opened(oidc, clock) as keys:
        clock.pass_time(31)
        for algorithm in ("PS256", "ES256", "HS256", "none"):
            assert await keys.find(Header(algorithm, "rsa-0")) is None
        assert oidc.asked == 1


async def test_a_new_key_is_found_when_it_is_first_used(oidc: Oidc) -> None:
    """The provider rotates its keys; nobody has to tell us."""
    clock = StillClock()
    async with opened(oidc, clock) as keys:
        version = keys.version
        oidc.add("rsa-1")
        oidc.withdraw("rsa-0")
        clock.pass_time(31)
        assert await keys.find(NEW) is not None
        assert keys.known(RSA) is None
        assert keys.version != version


async def test_a_flood_of_unknown_keys_is_one_question(oidc: Oidc) -> None:
    """At most one fetch in every cool-down, whoever asks for whatever."""
    clock = StillClock()
    async with opened(oidc, clock) as keys:
        for turn in range(3):
            clock.pass_time(31)
            flood = (keys.find(Header("RS256", f"{turn}/{number}")) for number in range(300))
            assert set(await asyncio.gather(*flood)) == {None}
        assert oidc.asked == 1 + 3


async def test_a_key_made_during_the_cool_down_is_known_as_soon_as_it_has_passed(oidc: Oidc) -> None:
    """Whoever uses it is refused until then, and need not ask a second time for it to be fetched."""
    async with opened(oidc, cooldown=0.05) as keys:
        oidc.add("rsa-1")
        assert await keys.find(NEW) is None
        await until(lambda: keys.known(NEW))
        assert oidc.asked == 2


async def test_those_who_wait_share_one_fetch(oidc: Oidc) -> None:
    """One of them leaving does not take it from the others."""
    clock = StillClock()
    async with opened(oidc, clock) as keys:
        oidc.add("rsa-1")
        oidc.mood = "slow"
        clock.pass_time(31)
        waiting = [asyncio.create_task(keys.find(NEW)) for _ in range(20)]
        await until(lambda: oidc.asked == 2)
        waiting[0].cancel()
        oidc.hurry.set()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(found[0], asyncio.CancelledError)
        assert {getattr(key, "id", None) for key in found[1:]} == {"rsa-1"}
        assert oidc.asked == 2


async def test_keys_are_refreshed_in_the_background(oidc: Oidc) -> None:
    """Also when nobody uses a new one; a key that was withdrawn goes."""
    async with KeySet(oidc.jwks_url, algorithms=["RS256", "ES256"], cooldown=0.05, refresh_every=0.05) as keys:
        oidc.withdraw("rsa-0")
        await until(lambda: keys.known(RSA) is None)
        assert keys.known(EC) is not None


@pytest.mark.parametrize("mood", ["down", "error", "moved", "garbage", "empty", "huge", "packed"])
async def test_the_last_known_keys_stand_while_the_provider_is_away(oidc: Oidc, mood: Mood) -> None:
    """Away, broken, or talking nonsense is all the same; after a day it is closed, and then comes back."""
    clock = StillClock()
    async with opened(oidc, clock) as keys:
        oidc.mood = mood
        clock.pass_time(86_000)
        assert await keys.find(NEW) is None
        assert keys.known(RSA) is not None
        with pytest.raises(DependencyDown):
            await keys.check()
        clock.pass_time(500)
        assert keys.stale
        assert keys.known(RSA) is None
        with pytest.raises(DependencyDown) as caught:
            await keys.find(RSA)
        assert caught.value.retry_after == 30
        oidc.mood = "up"
        clock.pass_time(31)
        assert await keys.find(RSA) is not None
        await keys.check()


async def test_a_provider_that_says_nothing_is_left_in_time(oidc: Oidc) -> None:
    """The wait is bounded, and the keys stand."""
    clock = StillClock()
    async with opened(oidc, clock, patience=1.0) as keys:
        oidc.mood = "slow"
        clock.pass_time(31)
        assert await keys.find(NEW) is None
        assert keys.known(RSA) is not None


async def test_a_server_starts_without_its_provider(oidc: Oidc) -> None:
    """Its users are told to come back, and are let in as soon as it is there."""
    oidc.mood = "down"
    async with opened(oidc, cooldown=0.05) as keys:
        assert keys.age == float("inf")
        with pytest.raises(DependencyDown):
            await keys.find(RSA)
    oidc.mood = "up"
    async with KeySet(oidc.jwks_url, algorithms=["RS256"], cooldown=0.05) as keys:
        await until(lambda: keys.known(RSA))


async def test_a_token_without_a_key_id_has_the_only_key_there_is(oidc: Oidc) -> None:
    """With two of one kind it would be a guess."""
    clock = StillClock()
    async with opened(oidc, clock) as keys:
        assert keys.known(Header("RS256", None)) == keys.known(RSA)
        oidc.add("rsa-1")
        clock.pass_time(31)
        await keys.find(NEW)
        assert keys.known(Header("RS256", None)) is None


async def test_keys_that_may_not_be_used_are_left_out(oidc: Oidc) -> None:
    """Shared secrets, keys for encryption, short ones and nonsense do not spoil the others."""
    oidc.add("short-0")
    oidc.extra = [
        {"kty": "oct", "k": "c2VjcmV0" * 8, "kid": "secret", "alg": "HS256"},
        {**oidc.public("rsa-0"), "kid": "for-encryption", "use": "enc"},
        {**oidc.public("rsa-0"), "kid": "for-signing", "key_ops": ["sign"]},
        {**oidc.public("rsa-0"), "kid": ["rsa"]},
        {"kty": "RSA", "kid": "empty"},
        {"kty": ["RSA"], "crv": {}, "kid": "strange"},
        None,
        "key",
    ]
    async with opened(oidc, algorithms=["RS256", "ES256", "PS256"]) as keys:
        for kid in ("short-0", "secret", "for-encryption", "for-signing", "empty", "strange"):
            for algorithm in ("RS256", "HS256", "ES256"):
                assert keys.known(Header(algorithm, kid)) is None
        assert keys.known(RSA) is not None
        assert keys.known(Header("PS256", "rsa-0")) is not None
        assert keys.known(EC) is not None


@pytest.mark.parametrize(
    "url",
    ["http://login.example/keys", "ftp://127.0.0.1/keys", "file:///keys", "http://127.0.0.1.example/k", "http://"],
)
def test_keys_are_fetched_over_https_only(url: str) -> None:
    """Unless the provider is on this machine, whoever is on the way could change them."""
    with pytest.raises(Misconfigured):
        KeySet(url, algorithms=["RS256"])
