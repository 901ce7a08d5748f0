"""What every `SessionStore` promises, held against each of them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bullpen.errors import DependencyDown
from bullpen.security.authentication.local import LocalSessionStore
from bullpen.security.authentication.ports import RefreshRecord, SessionStore
from bullpen.security.authentication.sql import SqlSessionStore
from bullpen.stores import open_engine
from bullpen.stores.schema import upgrade
from tests.stubs.database import KINDS, empty_database

TOKEN = RefreshRecord(
    id="AAAAAAAAAAAA",
    digest=bytes(range(32)),
    pepper="0a1b2c3d",
    session="bs_kkkkkkkkkkkk_0123456789abcdef",
    key_id="kkkkkkkkkkkk",
    expires_at=1_700_000_000.5,
)
HEIR = replace(TOKEN, id="BBBBBBBBBBBB", expires_at=TOKEN.expires_at + 60)
OTHER = replace(TOKEN, id="CCCCCCCCCCCC", session="bs_kkkkkkkkkkkk_fedcba9876543210")


@pytest.fixture(params=["local", *KINDS])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SessionStore]:
    if request.param == "local":
        yield LocalSessionStore()
        return
    postgres_url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    with empty_database(request.param, folder=tmp_path, postgres_url=postgres_url) as url:
        engine = open_engine(url)
        await upgrade(engine)
        yield SqlSessionStore(engine)
        await engine.dispose()


async def test_a_token_is_found_as_it_was_kept(store: SessionStore) -> None:
    """And one that was not kept is not found."""
    await store.begin(TOKEN)
    assert await store.find(TOKEN.id) == TOKEN
    assert await store.find(HEIR.id) is None


async def test_an_exchanged_token_is_spent_and_has_an_heir(store: SessionStore) -> None:
    """The spent one is kept, to be known when it comes again."""
    await store.begin(TOKEN)
    assert await store.exchange(TOKEN.id, HEIR, at=5.0)
    assert await store.find(TOKEN.id) == replace(TOKEN, spent_at=5.0)
    assert await store.find(HEIR.id) == HEIR


async def test_of_many_who_come_with_one_token_one_is_served(store: SessionStore) -> None:
    """Spending is atomic."""
    await store.begin(TOKEN)
    heirs = [replace(HEIR, id=f"heir{n:08}") for n in range(8)]
    served = await asyncio.gather(*(store.exchange(TOKEN.id, heir, at=5.0) for heir in heirs))
    assert served.count(True) == 1
    assert [await store.find(heir.id) is not None for heir in heirs] == list(served)


async def test_nothing_of_a_revoked_session_is_exchanged(store: SessionStore) -> None:
    """Its tokens say so; those of other sessions do not."""
    await store.begin(TOKEN)
    await store.begin(OTHER)
    assert await store.revoke(TOKEN.session, at=5.0)
    assert not await store.exchange(TOKEN.id, HEIR, at=6.0)
    assert await store.find(TOKEN.id) == replace(TOKEN, revoked=True)
    assert await store.find(HEIR.id) is None
    assert await store.find(OTHER.id) == OTHER


async def test_a_session_is_revoked_once(store: SessionStore) -> None:
    """Again, or an unknown one: False, and nothing new is seen."""
    await store.begin(TOKEN)
    assert [await store.revoke(TOKEN.session, at=at) for at in (5.0, 6.0)] == [True, False]
    assert not await store.revoke("bs_none", at=7.0)
    assert [(each.session, each.at) for each in await store.revocations(after=0, since=0.0)] == [(TOKEN.session, 5.0)]


async def test_an_exchange_and_a_revocation_at_once(store: SessionStore) -> None:
    """Whichever is first, the session is revoked and no token of it can be exchanged."""
    await store.begin(TOKEN)
    await asyncio.gather(store.exchange(TOKEN.id, HEIR, at=5.0), store.revoke(TOKEN.session, at=5.0))
    for token in (TOKEN, HEIR):
        assert not await store.exchange(token.id, replace(HEIR, id="DDDDDDDDDDDD"), at=6.0)


async def test_revocations_are_numbered_as_they_can_be_seen(store: SessionStore) -> None:
    """Who reads on from the last number misses none, however many are revoked at once."""
    sessions = [f"bs_kkkkkkkkkkkk_{n:016x}" for n in range(20)]
    for n, session in enumerate(sessions):
        await store.begin(replace(TOKEN, id=f"token{n:07}", session=session))
    seen = list[str]()
    last = 0

    async def read_on() -> None:
        nonlocal last
        for each in await store.revocations(after=last, since=0.0):
            assert each.number > last
            last = each.number
            seen.append(each.session)

    revoking = [asyncio.create_task(store.revoke(session, at=5.0)) for session in sessions]
    while not all(task.done() for task in revoking):
        await read_on()
        await asyncio.sleep(0)  # a store in memory waits for nothing
    await read_on()
    assert sorted(seen) == sessions


async def test_old_revocations_are_not_read(store: SessionStore) -> None:
    """A process that starts reads those that still matter."""
    await store.begin(TOKEN)
    await store.begin(OTHER)
    await store.revoke(TOKEN.session, at=5.0)
    await store.revoke(OTHER.session, at=9.0)
    assert [each.session for each in await store.revocations(after=0, since=9.0)] == [OTHER.session]


async def test_what_has_expired_is_removed_in_batches(store: SessionStore) -> None:
    """Tokens and sessions alike; a session lives as long as the last of its tokens."""
    await store.begin(TOKEN)
    await store.exchange(TOKEN.id, HEIR, at=5.0)
    for n in range(5):
        await store.begin(replace(OTHER, id=f"old{n:09}", session=f"bs_old{n}", expires_at=10.0))
    assert [await store.prune(before=11.0, limit=2) for _ in range(4)] == [4, 4, 2, 0]
    assert await store.prune(before=TOKEN.expires_at + 1, limit=10) == 1
    assert await store.find(TOKEN.id) is None
    assert await store.find(HEIR.id) == HEIR
    assert await store.prune(before=HEIR.expires_at + 1, limit=10) == 2


async def test_a_pruned_revocation_frees_no_number(store: SessionStore) -> None:
    """Who reads on from the last number sees the next one."""
    await store.begin(replace(TOKEN, expires_at=1.0))
    await store.begin(OTHER)
    await store.revoke(TOKEN.session, at=5.0)
    [first] = await store.revocations(after=0, since=0.0)
    await store.prune(before=2.0, limit=10)
    await store.revoke(OTHER.session, at=6.0)
    assert [each.session for each in await store.revocations(after=first.number, since=0.0)] == [OTHER.session]


async def test_a_store_that_is_away_raises_from_every_method() -> None:
    """Failure mode: `DependencyDown`."""
    engine = open_engine("postgresql://nobody@127.0.0.1:1/none")
    store = SqlSessionStore(engine)
    for call in (
        store.begin(TOKEN),
        store.find(TOKEN.id),
        store.exchange(TOKEN.id, HEIR, at=1.0),
        store.revoke(TOKEN.session, at=1.0),
        store.revocations(after=0, since=0.0),
        store.prune(before=1.0, limit=1),
    ):
        with pytest.raises(DependencyDown):
            await call
    await engine.dispose()
