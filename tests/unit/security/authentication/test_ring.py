"""The key ring: quick, fresh, and closed when it cannot be either."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from types import FrameType

import pytest
from structlog.testing import capture_logs

from bullpen.errors import DependencyDown, Unauthenticated
from bullpen.security.authentication.keys import issue
from bullpen.security.authentication.local import LocalKeyStore
from bullpen.security.authentication.mirror import Pace
from bullpen.security.authentication.opaque import ApiKey
from bullpen.security.authentication.pepper import Peppers, pepper_from
from bullpen.security.authentication.ports import KeyRecord
from bullpen.security.authentication.ring import Census, KeyRing
from bullpen.security.authentication.upkeep import Upkeep
from tests.stubs.clock import StillClock

PEPPERS = Peppers("s" * 32)
FAST = Pace(poll_every=0.001, pause=0.001, patience=5.0, stale_after=30.0)


class Store(LocalKeyStore):
    """A store that can be away, slow or broken, and counts how often it is asked for everything."""

    def __init__(self) -> None:
        super().__init__()
        self.failure: Exception | None = None
        self.slow = False
        self.loads = 0
        self.looked = asyncio.Event()

    async def version(self) -> tuple[int, ...]:
        self.looked.set()
        if self.slow:
            await asyncio.Event().wait()
        if self.failure:
            raise self.failure
        return await super().version()

    async def load(self) -> Sequence[KeyRecord]:
        self.loads += 1
        return await super().load()

    async def look(self) -> None:
        """Returns when the ring has asked once more, and has had the answer."""
        for _ in range(2):
            self.looked.clear()
            await asyncio.wait_for(self.looked.wait(), 10)


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def ring(store: Store, clock: StillClock) -> KeyRing:
    return KeyRing(store, peppers=PEPPERS, clock=clock, pace=FAST)


async def added(store: Store, clock: StillClock, *, lifetime: float | None = None) -> ApiKey:
    key, record = issue(pepper=PEPPERS.current, now=clock.now(), name="n", user_id="u", lifetime=lifetime)
    await store.add(record)
    return key


def refusal(ring: KeyRing, text: str) -> str:
    try:
        ring.verify(text)
    except Unauthenticated as error:
        return error.detail
    raise AssertionError("it opened")


async def test_a_key_of_the_store_opens(ring: KeyRing, store: Store, clock: StillClock) -> None:
    """Verifying gives the record."""
    key = await added(store, clock)
    await ring.refresh()
    assert ring.verify(key.text).id == key.id


async def test_whatever_is_wrong_is_refused_in_the_same_words(ring: KeyRing, store: Store, clock: StillClock) -> None:
    """Unknown, wrong, expired, revoked, malformed: the caller cannot tell which."""
    good, expired, revoked = [await added(store, clock, lifetime=10.0) for _ in range(3)]
    await store.revoke(revoked.id, at=clock.now())
    await ring.refresh()
    wrong = ApiKey(good.id, ApiKey.generate().secret)
    swapped = ApiKey(good.id, revoked.secret)
    told = {refusal(ring, key.text) for key in (ApiKey.generate(), wrong, swapped, revoked)}
    clock.pass_time(10.0)
    told |= {refusal(ring, expired.text), refusal(ring, "nonsense"), refusal(ring, "")}
    assert len(told) == 1


async def test_a_digest_made_with_another_pepper_opens_nothing(ring: KeyRing, store: Store, clock: StillClock) -> None:
    """Whoever can write to the database still cannot make a key."""
    key, record = issue(pepper=PEPPERS.current, now=clock.now(), name="n", user_id="u")
    await store.add(replace(record, digest=pepper_from("guessed").digest(key)))
    await ring.refresh()
    assert refusal(ring, key.text)


async def test_new_and_revoked_keys_are_known_after_the_next_look(
    ring: KeyRing, store: Store, clock: StillClock
) -> None:
    """Nobody restarts anything."""
    async with ring:
        key = await added(store, clock)
        await store.look()
        assert ring.verify(key.text).id == key.id
        await store.revoke(key.id, at=clock.now())
        await store.look()
        assert refusal(ring, key.text)


async def test_an_unchanged_store_is_not_read_again(ring: KeyRing, store: Store, clock: StillClock) -> None:
    """Looking costs one small question."""
    await added(store, clock)
    for _ in range(5):
        await ring.refresh()
    assert store.loads == 1


async def test_the_last_known_keys_stand_for_a_while_and_then_it_is_closed(
    ring: KeyRing, store: Store, clock: StillClock
) -> None:
    """Failure mode: closed, after `stale_after` seconds without an answer; open again with the first one."""
    key = await added(store, clock)
    await ring.refresh()
    store.failure = DependencyDown("away")
    clock.pass_time(30.0)
    with pytest.raises(DependencyDown):
        await ring.refresh()
    assert ring.verify(key.text).id == key.id
    clock.pass_time(0.1)
    with pytest.raises(DependencyDown):
        ring.verify(key.text)
    store.failure = None
    await ring.refresh()
    assert ring.verify(key.text).id == key.id


async def test_nobody_gets_in_before_the_first_load(ring: KeyRing, store: Store) -> None:
    """A store that is away at the start delays nothing and opens nothing."""
    store.failure = DependencyDown("away")
    async with ring:
        assert ring.stale
        with pytest.raises(DependencyDown):
            ring.verify(ApiKey.generate().text)


async def test_a_store_that_hangs_is_away(store: Store, clock: StillClock) -> None:
    """Patience ends."""
    store.slow = True
    ring = KeyRing(store, peppers=PEPPERS, clock=clock, pace=FAST._replace(patience=0.01))
    with pytest.raises(DependencyDown):
        await ring.refresh()


@pytest.mark.parametrize("failure", [DependencyDown("away"), RuntimeError("a defect")])
async def test_looking_goes_on_after_any_failure(
    ring: KeyRing, store: Store, clock: StillClock, failure: Exception
) -> None:
    """Not even a defect of the store ends it."""
    async with ring:
        store.failure = failure
        await store.look()
        store.failure = None
        key = await added(store, clock)
        await store.look()
        assert ring.verify(key.text).id == key.id


async def test_an_outage_is_told_once(ring: KeyRing, store: Store) -> None:
    """One line when the store goes away and one when it is back, however often it is asked."""
    with capture_logs() as logged:
        async with ring:
            store.failure = DependencyDown("away")
            for _ in range(3):
                await store.look()
            store.failure = None
            await store.look()
    told = [(line["log_level"], line["event"]) for line in logged]
    assert told == [("warning", "key_store_away"), ("info", "key_store_back")]
    assert logged[0]["stale_after"] == 30.0


async def test_a_defect_of_the_store_is_told(ring: KeyRing, store: Store) -> None:
    """With what was raised, for a defect is to be found and mended."""
    store.failure = RuntimeError("a defect")
    with capture_logs() as logged:
        async with ring:
            pass
    assert [(line["log_level"], line["event"], line["exc_info"]) for line in logged] == [
        ("error", "store_not_read", True)
    ]


async def test_keys_are_as_old_as_the_question(clock: StillClock) -> None:
    """An answer that took its time is old when it arrives: a key may have been revoked since it was asked for."""

    class Slow(Store):
        async def load(self) -> Sequence[KeyRecord]:
            clock.pass_time(20.0)
            return await super().load()

    slow = Slow()
    await added(slow, clock)
    ring = KeyRing(slow, peppers=PEPPERS, clock=clock, pace=FAST)
    await ring.refresh()
    clock.pass_time(10.0)
    assert not ring.stale
    clock.pass_time(0.1)
    assert ring.stale


async def test_the_ring_stops_looking_when_it_is_closed(ring: KeyRing, store: Store) -> None:
    """No task is left behind."""
    async with ring:
        await store.look()
    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "key-ring"] == []


async def test_an_overtaken_look_does_not_bring_back_what_was_revoked(clock: StillClock) -> None:
    """Looks take turns, so the last answer to be asked for is the one that stands."""
    answer, asked = asyncio.Event(), asyncio.Event()

    class Slow(Store):
        async def load(self) -> Sequence[KeyRecord]:
            records = await super().load()
            if self.loads == 1:
                asked.set()
                await answer.wait()
            return records

    slow = Slow()
    key = await added(slow, clock)
    ring = KeyRing(slow, peppers=PEPPERS, clock=clock, pace=FAST)
    first = asyncio.create_task(ring.refresh())
    await asked.wait()
    await slow.revoke(key.id, at=clock.now())
    second = asyncio.create_task(ring.refresh())
    await asyncio.sleep(0)
    answer.set()
    await asyncio.gather(first, second)
    assert refusal(ring, key.text)


async def test_an_unknown_id_costs_the_same_work_as_a_known_one(ring: KeyRing, store: Store, clock: StillClock) -> None:
    """Nobody learns from the time an answer takes which ids exist."""
    known = ApiKey((await added(store, clock)).id, ApiKey.generate().secret).text
    unknown = ApiKey.generate().text
    await ring.refresh()

    def work(text: str) -> list[str]:
        calls: list[str] = []

        def note(frame: FrameType, event: str, called: object) -> None:
            if event in {"call", "c_call"}:
                calls.append(frame.f_code.co_name if event == "call" else getattr(called, "__name__", ""))

        sys.setprofile(note)
        try:
            refusal(ring, text)
        finally:
            sys.setprofile(None)
        return calls

    # Call by call the same, the keyed digest and the comparison in constant time among them.
    assert work(known) == work(unknown)
    assert {"digest", "compare_digest"} <= set(work(unknown))


async def test_a_key_made_elsewhere_a_moment_ago_opens_at_once(store: Store, clock: StillClock) -> None:
    """Nobody waits for the next poll: an unknown id makes the ring look."""
    async with KeyRing(store, peppers=PEPPERS, clock=clock, pace=FAST._replace(poll_every=3600)) as ring:
        key = await added(store, clock)
        assert (await ring.recognise(key.text)).id == key.id


async def test_a_known_key_costs_no_look(ring: KeyRing, store: Store, clock: StillClock) -> None:
    """Recognising it asks no store, and neither does refusing what is not even a key."""
    key = await added(store, clock)
    await ring.refresh()
    store.looked.clear()
    await ring.recognise(key.text)
    with pytest.raises(Unauthenticated):
        await ring.recognise("nonsense")
    assert not store.looked.is_set()


async def test_whatever_is_wrong_costs_the_same_look(ring: KeyRing, store: Store, clock: StillClock) -> None:
    """Unknown, wrong, expired or revoked: the time an answer takes does not tell which ids exist."""
    good, revoked = await added(store, clock), await added(store, clock)
    await store.revoke(revoked.id, at=clock.now())
    await ring.refresh()
    for key in (ApiKey.generate(), ApiKey(good.id, revoked.secret), revoked):
        store.looked.clear()
        with pytest.raises(Unauthenticated) as caught:
            await ring.recognise(key.text)
        assert store.looked.is_set()
        assert (caught.value.event, caught.value.facts) == ("api_key_auth_failed", {"key_id": key.id})


async def test_an_unknown_key_is_refused_while_the_store_is_away(ring: KeyRing, store: Store) -> None:
    """As before the look: what is known stands, and this was not known."""
    await ring.refresh()
    store.failure = DependencyDown("away")
    with pytest.raises(Unauthenticated):
        await ring.recognise(ApiKey.generate().text)


async def test_a_key_under_an_older_secret_opens_and_is_counted(store: Store, clock: StillClock) -> None:
    """The operator sees how many keys hang on the secret before, and on none that is here."""
    key = await added(store, clock)
    await added(store, clock, lifetime=1.0)
    stray, record = issue(pepper=pepper_from("gone"), now=clock.now(), name="n", user_id="u")
    await store.add(record)
    clock.pass_time(2.0)
    ring = KeyRing(store, peppers=Peppers("t" * 32, "s" * 32), clock=clock, pace=FAST)
    await ring.refresh()
    assert ring.verify(key.text).id == key.id
    assert refusal(ring, stray.text)
    assert ring.census() == Census(
        kept=3, usable=2, under_older=1, under_unknown=1, unreadable=0, oldest_at=clock.now() - 2.0
    )


async def test_a_key_that_opened_is_noted(store: Store, clock: StillClock) -> None:
    """And one that did not is not."""
    upkeep = Upkeep(store, peppers=PEPPERS, clock=clock)
    key, other = await added(store, clock), await added(store, clock)
    ring = KeyRing(store, peppers=PEPPERS, upkeep=upkeep, clock=clock, pace=FAST)
    await ring.refresh()
    ring.verify(key.text)
    assert refusal(ring, ApiKey(other.id, key.secret).text)
    await upkeep.write()
    assert {record.id for record in await store.load() if record.last_used_at} == {key.id}


async def test_a_key_is_found_by_its_id_as_long_as_it_opens(ring: KeyRing, store: Store, clock: StillClock) -> None:
    """For tokens that hang on it; closed like everything else when the ring is stale."""
    key = await added(store, clock, lifetime=10.0)
    await ring.refresh()
    assert (ring.usable(key.id) is not None, ring.usable("nobody"), key.id in ring) == (True, None, True)
    clock.pass_time(10.0)
    assert ring.usable(key.id) is None
    clock.pass_time(30.0)
    with pytest.raises(DependencyDown):
        ring.usable(key.id)
