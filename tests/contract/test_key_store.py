"""What every `KeyStore` promises, held against each of them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bullpen.errors import DependencyDown
from bullpen.security.authentication import KeyRecord, KeyStore
from bullpen.security.authentication.local import LocalKeyStore
from bullpen.security.authentication.sql import SqlKeyStore
from bullpen.stores import open_engine
from bullpen.stores.schema import upgrade
from tests.stubs.database import KINDS, empty_database

FULL = KeyRecord(
    id="AAAAAAAAAAAA",
    digest=bytes(range(32)),
    name="ci: Schlüssel",
    user_id="urn:ü:1|x",
    tenant="acme",
    created_at=1_700_000_000.123456,
    roles=frozenset({"admin", "analyst"}),
    permissions=frozenset({"data:read"}),
    attributes={"department": "r&d", "clearance_level": 3},
    expires_at=1_800_000_000.5,
)
BARE = KeyRecord(id="zzzzzzzzzzzz", digest=b"\xff" * 32, name="n", user_id="u", tenant="t", created_at=0.0)


@pytest.fixture(params=["local", *KINDS])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[KeyStore]:
    if request.param == "local":
        yield LocalKeyStore()
        return
    postgres_url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    with empty_database(request.param, folder=tmp_path, postgres_url=postgres_url) as url:
        engine = open_engine(url)
        await upgrade(engine)
        yield SqlKeyStore(engine)
        await engine.dispose()


async def test_what_was_added_comes_back_whole(store: KeyStore) -> None:
    """A record is loaded exactly as it was added, in order of ids."""
    assert await store.add(BARE)
    assert await store.add(FULL)
    assert list(await store.load()) == [FULL, BARE]


async def test_the_first_record_of_an_id_stays(store: KeyStore) -> None:
    """Adding an id again answers False and changes nothing."""
    await store.add(FULL)
    assert not await store.add(replace(FULL, user_id="mallory"))
    assert list(await store.load()) == [FULL]


async def test_of_many_who_add_one_id_one_succeeds(store: KeyStore) -> None:
    """Adding is atomic."""
    added = await asyncio.gather(*(store.add(replace(FULL, user_id=f"u{n}")) for n in range(8)))
    assert added.count(True) == 1
    assert len(await store.load()) == 1


async def test_a_revoked_key_stays_revoked_at_its_first_time(store: KeyStore) -> None:
    """Revoking is for good: neither another revocation nor another add moves it."""
    await store.add(FULL)
    assert await store.revoke(FULL.id, at=5.0)
    assert await store.revoke(FULL.id, at=9.0)
    await store.add(FULL)
    assert list(await store.load()) == [replace(FULL, revoked_at=5.0)]


async def test_revoking_an_unknown_key_says_so(store: KeyStore) -> None:
    """There is nothing to revoke, and the answer is False."""
    assert not await store.revoke("nonesuchhere", at=1.0)


async def test_every_change_has_a_version_of_its_own(store: KeyStore) -> None:
    """The version differs after each change, and only then."""
    versions = [await store.version()]
    await store.add(FULL)
    versions.append(await store.version())
    await store.add(BARE)
    versions.append(await store.version())
    await store.revoke(FULL.id, at=1.0)
    versions.append(await store.version())
    assert len(set(versions)) == len(versions)
    await store.add(FULL)
    assert await store.version() == versions[-1]


async def test_a_store_that_is_away_raises_from_every_method() -> None:
    """Failure mode: `DependencyDown`, never a part of an answer."""
    engine = open_engine("postgresql://nobody@127.0.0.1:1/none")
    store = SqlKeyStore(engine)
    for call in (store.load(), store.version(), store.add(FULL), store.revoke(FULL.id, at=1.0)):
        with pytest.raises(DependencyDown):
            await call
    await engine.dispose()
