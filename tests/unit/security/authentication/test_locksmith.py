"""The life of a key."""

import pytest

from bullpen.errors import DependencyDown, InvalidRequest, NotFound, Unauthenticated, Unexpected
from bullpen.security.authentication import ApiKey, KeyRecord, Locksmith, News
from bullpen.security.authentication.local import LocalKeyStore
from tests.stubs.clock import StillClock
from tests.stubs.sessions import Replica, replica

DAY = 86_400.0


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def news() -> News:
    return News()


@pytest.fixture
async def here(clock: StillClock, news: News) -> Replica:
    made = replica(clock, news=news)
    await made.look()
    return made


@pytest.fixture
def locksmith(here: Replica) -> Locksmith:
    return here.locksmith


async def made(locksmith: Locksmith, *, lifetime: float | None = None) -> tuple[ApiKey, KeyRecord]:
    key, record = locksmith.cut(
        name="ci",
        user_id="ada",
        tenant="acme",
        roles=["analyst"],
        permissions=["key:read"],
        attributes={"department": "sales"},
        lifetime=lifetime,
        created_by="acme:root",
    )
    await locksmith.add(record)
    return key, record


def opens(here: Replica, key: ApiKey) -> bool:
    try:
        here.ring.verify(key.text)
    except Unauthenticated:
        return False
    return True


async def test_a_key_opens_here_as_soon_as_it_is_added(here: Replica, locksmith: Locksmith) -> None:
    """Cut alone, it opens nothing; and others hear of it."""
    cut, _ = locksmith.cut(name="n", user_id="u")
    added, _ = await made(locksmith)
    assert [opens(here, key) for key in (cut, added)] == [False, True]


async def test_a_key_that_is_being_replaced_is_not_rotated_again(locksmith: Locksmith) -> None:
    """Its second heir would live only as long as is left of the overlap, which nobody asked for."""
    _, record = await made(locksmith)
    _, heir = locksmith.heir(record)
    await locksmith.rotate(record.id, heir, overlap=30.0)
    old = await locksmith.find(record.id)
    assert old is not None
    with pytest.raises(InvalidRequest, match=f"being replaced by {heir.id}"):
        locksmith.heir(old)
    assert locksmith.heir(heir)[1].roles == record.roles


async def test_every_change_is_news(locksmith: Locksmith, news: News) -> None:
    """Other replicas look at once."""
    heard = list[int]()
    news.subscribe(lambda: heard.append(len(heard)))
    _, record = await made(locksmith)
    _, heir = locksmith.heir(record)
    await locksmith.rotate(record.id, heir)
    await locksmith.revoke(heir.id)
    assert len(heard) == 3


async def test_a_rotated_key_opens_beside_its_heir_for_a_while(
    here: Replica, locksmith: Locksmith, clock: StillClock
) -> None:
    """The heir has the same owner and rights, and as long a life; the old one ends after the overlap."""
    old_key, old = await made(locksmith, lifetime=30 * DAY)
    clock.pass_time(DAY)
    await here.look()
    key, heir = locksmith.heir(old, created_by="acme:eve")
    assert await locksmith.rotate(old.id, heir, overlap=60.0) == clock.now() + 60.0
    same = ("name", "user_id", "tenant", "roles", "permissions", "attributes")
    assert [getattr(heir, each) for each in same] == [getattr(old, each) for each in same]
    assert (heir.expires_at, heir.created_by) == (clock.now() + 30 * DAY, "acme:eve")
    assert [opens(here, each) for each in (old_key, key)] == [True, True]
    clock.pass_time(60.0)
    await here.look()
    assert [opens(here, each) for each in (old_key, key)] == [False, True]


async def test_without_an_overlap_the_old_key_ends_at_once(here: Replica, locksmith: Locksmith) -> None:
    """For a key that somebody else has seen."""
    old_key, old = await made(locksmith)
    key, heir = locksmith.heir(old)
    await locksmith.rotate(old.id, heir, overlap=0.0)
    assert [opens(here, each) for each in (old_key, key)] == [False, True]


async def test_what_opens_nothing_is_not_rotated(here: Replica, locksmith: Locksmith, clock: StillClock) -> None:
    """Neither a revoked nor an expired key comes back by it."""
    _, expired = await made(locksmith, lifetime=1.0)
    _, revoked = await made(locksmith)
    await locksmith.revoke(revoked.id)
    clock.pass_time(1.0)
    for key_id in (expired.id, revoked.id):
        record = await locksmith.find(key_id)
        assert record is not None
        with pytest.raises(InvalidRequest):
            locksmith.heir(record)


@pytest.mark.parametrize("overlap", [-1.0, 91 * DAY, float("nan"), float("inf")])
async def test_an_overlap_has_bounds(locksmith: Locksmith, overlap: float) -> None:
    """Nothing is changed by one beyond them."""
    _, old = await made(locksmith)
    _, heir = locksmith.heir(old)
    with pytest.raises(InvalidRequest):
        await locksmith.rotate(old.id, heir, overlap=overlap)
    assert await locksmith.keys() == [old]


async def test_a_key_that_is_not_there(locksmith: Locksmith) -> None:
    """Is neither found, nor revoked, nor rotated."""
    _, record = locksmith.cut(name="n", user_id="u")
    assert await locksmith.find(record.id) is None
    with pytest.raises(NotFound):
        await locksmith.revoke(record.id)
    with pytest.raises(NotFound):
        await locksmith.rotate("nonesuchhere", record)


async def test_a_tenants_keys_are_listed_apart(locksmith: Locksmith) -> None:
    """Those of others are not among them."""
    _, record = await made(locksmith)
    _, other = locksmith.cut(name="n", user_id="u", tenant="other")
    await locksmith.add(other)
    assert await locksmith.keys(tenant="acme") == [record]
    assert {each.id for each in await locksmith.keys()} == {record.id, other.id}


async def test_an_id_that_is_taken_is_told(clock: StillClock) -> None:
    """One in 10²¹; the key of before stays."""
    store = LocalKeyStore()
    here = replica(clock, keys=store)
    _, record = await made(here.locksmith)
    with pytest.raises(Unexpected):
        await here.locksmith.add(record)


async def test_what_was_changed_is_not_said_to_have_failed(clock: StillClock) -> None:
    """A store that goes away right after a change keeps this process from seeing it, and from nothing else."""

    class Leaving(LocalKeyStore):
        here = True

        async def revoke(self, key_id: str, *, at: float) -> bool:
            done = await super().revoke(key_id, at=at)
            self.here = False
            return done

        async def version(self) -> tuple[int, ...]:
            if not self.here:
                raise DependencyDown("It is away.")
            return await super().version()

    store = Leaving()
    here = replica(clock, keys=store)
    await here.look()
    key, record = await made(here.locksmith)
    await here.locksmith.revoke(record.id)
    store.here = True
    await here.look()
    assert not opens(here, key)


@pytest.mark.parametrize("text", ["", "x", "a\0aaaaaaaaaa", "\ud800aaaaaaaaaaa", "bp_AAAAAAAAAAAA_" + "0" * 64])
async def test_what_can_be_no_id_is_nobodys(clock: StillClock, text: str) -> None:
    """It comes from a path, where anything may stand: no store is asked for it."""

    class Unasked(LocalKeyStore):
        async def find(self, key_id: str) -> KeyRecord | None:
            raise AssertionError(key_id)

    assert await replica(clock, keys=Unasked()).locksmith.find(text) is None
