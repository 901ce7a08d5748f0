"""What is written behind the use of keys."""

from collections.abc import Mapping

import pytest

from bullpen.errors import DependencyDown
from bullpen.security.authentication.keys import issue
from bullpen.security.authentication.local import LocalKeyStore
from bullpen.security.authentication.opaque import ApiKey
from bullpen.security.authentication.pepper import Peppers
from bullpen.security.authentication.ports import KeyRecord
from bullpen.security.authentication.upkeep import Upkeep
from tests.stubs.clock import StillClock

OLD, NEW = "o" * 32, "n" * 32


class Store(LocalKeyStore):
    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.written = list[Mapping[str, float]]()

    async def touch(self, used: Mapping[str, float]) -> None:
        if self.away:
            raise DependencyDown("away")
        self.written.append(used)
        await super().touch(used)


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def store() -> Store:
    return Store()


async def made(store: Store, secret: str = NEW) -> tuple[ApiKey, KeyRecord]:
    key, record = issue(pepper=Peppers(secret).current, now=1.0, name="n", user_id="u")
    await store.add(record)
    return key, record


async def test_a_key_used_a_thousand_times_is_written_once(store: Store, clock: StillClock) -> None:
    """With the time of the last use."""
    key, record = await made(store)
    upkeep = Upkeep(store, peppers=Peppers(NEW), clock=clock)
    for _ in range(1000):
        clock.pass_time(0.001)
        upkeep.note(key, record)
    await upkeep.write()
    assert store.written == [{key.id: clock.now()}]


async def test_what_could_not_be_written_is_kept(store: Store, clock: StillClock) -> None:
    """The next time has it, with what was noted since."""
    (one, one_record), (two, two_record) = await made(store), await made(store)
    upkeep = Upkeep(store, peppers=Peppers(NEW), clock=clock)
    upkeep.note(one, one_record)
    store.away = True
    with pytest.raises(DependencyDown):
        await upkeep.write()
    store.away = False
    upkeep.note(two, two_record)
    await upkeep.write()
    assert store.written[-1].keys() == {one.id, two.id}


async def test_a_key_in_use_moves_to_todays_secret(store: Store, clock: StillClock) -> None:
    """So that the secret before can be dropped; its digest then fits by the new one alone."""
    key, record = await made(store, OLD)
    upkeep = Upkeep(store, peppers=Peppers(NEW, OLD), clock=clock, settle=0.0)
    upkeep.note(key, record)
    upkeep.note(key, record)
    await upkeep.write()
    [moved] = await store.load()
    assert (Peppers(NEW).fits(key, moved), Peppers(NEW).age(moved)) == (True, "current")


async def test_no_key_moves_while_other_replicas_may_not_have_the_secret(store: Store, clock: StillClock) -> None:
    """It waits as long after the start as after every replacement."""
    key, record = await made(store, OLD)
    peppers = Peppers(NEW, OLD)
    upkeep = Upkeep(store, peppers=peppers, clock=clock, settle=600.0)

    async def moved() -> bool:
        upkeep.note(key, record)
        await upkeep.write()
        [kept] = await store.load()
        return kept.digest != record.digest

    clock.pass_time(599.0)
    assert not await moved()
    peppers.replace("x" * 32, NEW, OLD)
    clock.pass_time(1.0)
    assert not await moved()
    clock.pass_time(600.0)
    assert await moved()


async def test_a_key_of_todays_secret_stays_as_it_is(store: Store, clock: StillClock) -> None:
    """No new version, or every ring would read all keys again once a minute."""
    key, record = await made(store)
    before = await store.version()
    upkeep = Upkeep(store, peppers=Peppers(NEW, OLD), clock=clock)
    upkeep.note(key, record)
    await upkeep.write()
    assert await store.version() == before


async def test_the_last_notes_are_written_when_it_ends(store: Store, clock: StillClock) -> None:
    """Without waiting for the minute; and a store that is away does not hold the end up."""
    key, record = await made(store)
    async with Upkeep(store, peppers=Peppers(NEW), clock=clock) as upkeep:
        upkeep.note(key, record)
    assert store.written == [{key.id: clock.now()}]
    store.away = True
    async with Upkeep(store, peppers=Peppers(NEW), clock=clock) as upkeep:
        upkeep.note(key, record)
