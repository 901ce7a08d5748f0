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
    pepper="0a1b2c3d",
    created_at=1_700_000_000.123456,
    created_by="acme:urn:ü:2",
    roles=frozenset({"admin", "analyst"}),
    permissions=frozenset({"data:read"}),
    attributes={"department": "r&d", "clearance_level": 3},
    expires_at=1_800_000_000.5,
    last_used_at=1_700_000_100.25,
)
BARE = KeyRecord(id="zzzzzzzzzzzz", digest=b"\xff" * 32, name="n", user_id="u", tenant="t", created_at=0.0)

HEIR = replace(FULL, id="HHHHHHHHHHHH", last_used_at=None)


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


async def test_one_record_is_found_by_its_id(store: KeyStore) -> None:
    """Whole, and also when it was revoked; an id that nobody has is nobody's."""
    await store.add(BARE)
    await store.add(FULL)
    await store.revoke(FULL.id, at=5.0)
    found = [await store.find(key_id) for key_id in (BARE.id, FULL.id, HEIR.id)]
    assert found == [BARE, next(each for each in await store.load() if each.id == FULL.id), None]


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
    for change in (
        store.add(FULL),
        store.add(BARE),
        store.revoke(FULL.id, at=1.0),
        store.redigest(BARE.id, old=BARE.digest, new=b"n" * 32, pepper="p"),
        store.replace(BARE.id, HEIR, ends_at=2.0),
    ):
        await change
        versions.append(await store.version())
    assert len(set(versions)) == len(versions)
    await store.add(FULL)
    await store.touch({FULL.id: 9e9})
    await store.redigest(BARE.id, old=b"?" * 32, new=b"n" * 32, pepper="p")
    await store.replace("nonesuchhere", replace(HEIR, id="BBBBBBBBBBBB"), ends_at=2.0)
    assert await store.version() == versions[-1]


@pytest.mark.parametrize(("expires_at", "ends_at"), [(None, 50.0), (90.0, 50.0), (10.0, 10.0)])
async def test_a_replaced_key_ends_when_it_is_told_to_or_sooner(
    store: KeyStore, expires_at: float | None, ends_at: float
) -> None:
    """And its heir is there; nobody's life is made longer by being replaced."""
    old = replace(BARE, expires_at=expires_at)
    await store.add(old)
    assert await store.replace(old.id, HEIR, ends_at=50.0)
    assert list(await store.load()) == [HEIR, replace(old, expires_at=ends_at, replaced_by=HEIR.id)]


async def test_a_key_has_one_heir(store: KeyStore) -> None:
    """Of two who rotate it, at once or one after the other, the second changes nothing."""
    await store.add(BARE)
    assert await store.replace(BARE.id, HEIR, ends_at=50.0)
    before = list(await store.load())
    assert not await store.replace(BARE.id, replace(HEIR, id="IIIIIIIIIIII"), ends_at=60.0)
    assert list(await store.load()) == before


async def test_replacing_is_all_or_nothing(store: KeyStore) -> None:
    """A revoked key, an unknown one and an heir whose id is taken change nothing."""
    await store.add(FULL)
    await store.add(BARE)
    await store.revoke(FULL.id, at=1.0)
    before = list(await store.load())
    assert not await store.replace(FULL.id, HEIR, ends_at=2.0)
    assert not await store.replace("nonesuchhere", HEIR, ends_at=2.0)
    assert not await store.replace(BARE.id, FULL, ends_at=2.0)
    assert list(await store.load()) == before


async def test_a_digest_is_replaced_where_it_is_the_one_expected(store: KeyStore) -> None:
    """Of two replicas that move a key to another secret at once, the second changes nothing."""
    await store.add(BARE)
    first, second = [
        await store.redigest(BARE.id, old=BARE.digest, new=bytes([n]) * 32, pepper=f"p{n}") for n in (1, 2)
    ]
    assert (first, second) == (True, False)
    assert list(await store.load()) == [replace(BARE, digest=b"\x01" * 32, pepper="p1")]


async def test_the_last_use_is_the_latest(store: KeyStore) -> None:
    """Replicas write in any order; an unknown key is nobody's."""
    await store.add(BARE)
    await store.touch({})
    await store.touch({BARE.id: 20.0, "nonesuchhere": 20.0})
    await store.touch({BARE.id: 10.0})
    assert list(await store.load()) == [replace(BARE, last_used_at=20.0)]


async def test_replicas_may_note_and_revoke_at_once(store: KeyStore) -> None:
    """Nothing fails, nothing is lost."""
    records = [replace(BARE, id=f"key{n:09}") for n in range(20)]
    for record in records:
        await store.add(record)
    used = {record.id: 5.0 for record in records}
    await asyncio.gather(
        *(store.touch(used) for _ in range(4)), *(store.revoke(record.id, at=1.0) for record in records)
    )
    assert {(record.last_used_at, record.revoked_at) for record in await store.load()} == {(5.0, 1.0)}


async def test_a_store_that_is_away_raises_from_every_method() -> None:
    """Failure mode: `DependencyDown`, never a part of an answer."""
    engine = open_engine("postgresql://nobody@127.0.0.1:1/none")
    store = SqlKeyStore(engine)
    for call in (
        store.load(),
        store.find(FULL.id),
        store.version(),
        store.add(FULL),
        store.revoke(FULL.id, at=1.0),
        store.replace(FULL.id, HEIR, ends_at=1.0),
        store.redigest(FULL.id, old=b"", new=b"", pepper=""),
        store.touch({FULL.id: 1.0}),
    ):
        with pytest.raises(DependencyDown):
            await call
    await engine.dispose()
