"""Which sessions were revoked. What a token loses by it is tested in `test_sessions.py`."""

from collections.abc import Sequence

import jwt
import pytest

from bullpen.errors import DependencyDown
from bullpen.security.authentication import Revocations
from bullpen.security.authentication.local import LocalSessionStore
from bullpen.security.authentication.ports import RefreshRecord, Revocation
from tests.stubs.clock import StillClock
from tests.stubs.sessions import FAST, Replica, replica


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def store() -> LocalSessionStore:
    return LocalSessionStore()


@pytest.fixture
async def here(store: LocalSessionStore, clock: StillClock) -> Replica:
    made = replica(clock, sessions=store)
    await made.look()
    return made


async def revoke(store: LocalSessionStore, clock: StillClock, *names: str) -> None:
    for name in names:
        token = RefreshRecord(id=name, digest=b"", pepper="", session=name, key_id="k", expires_at=clock.now() + 9e5)
        await store.begin(token)
        await store.revoke(name, at=clock.now())


def marks_of(token: str) -> dict[str, str]:
    claims = jwt.decode(token, options={"verify_signature": False})
    return {name: claims[name] for name in ("sid", "jti")}


async def test_another_programs_token_is_not_ours_to_withdraw(here: Replica) -> None:
    """Whatever its `sid`, or without one; also while the stores are away."""
    assert [here.revocations.withdrawn(marks) for marks in ({}, {"sid": "s-1"}, {"jti": "x"})] == [False] * 3


async def test_revocations_that_are_too_old_are_not_relied_on(here: Replica, clock: StillClock) -> None:
    """Though the keys are fresh: a session may have been revoked since."""
    _, record = here.locksmith.cut(name="n", user_id="ada", roles=["user"])
    await here.locksmith.add(record)
    marks = marks_of((await here.sessions.begin(record.id)).access_token)
    assert not here.revocations.withdrawn(marks)
    clock.pass_time(FAST.stale_after + 1)
    await here.ring.refresh()
    with pytest.raises(DependencyDown):
        here.revocations.withdrawn(marks)


async def test_a_session_of_a_key_that_is_gone_does_not_stand(here: Replica, clock: StillClock) -> None:
    """A row that was deleted by hand takes its tokens with it, as soon as every replica would have seen a new one."""
    unknown = f"bs_{'a' * 12}_{int(clock.now()):08x}00000000"
    assert not here.revocations.withdrawn({"sid": unknown})
    clock.pass_time(6.0)
    assert here.revocations.withdrawn({"sid": unknown})


async def test_it_is_closed_when_nothing_is_known(clock: StillClock, store: LocalSessionStore) -> None:
    """Before the first look, and when the last one is too long ago."""
    here = replica(clock, sessions=store)
    session = f"bs_{'a' * 12}_{int(clock.now()):08x}00000000"
    with pytest.raises(DependencyDown):
        here.revocations.withdrawn({"sid": session})
    await here.look()
    clock.pass_time(30.1)
    with pytest.raises(DependencyDown):
        here.revocations.withdrawn({"sid": session})


async def test_memory_is_bounded_by_the_life_of_an_access_token(
    here: Replica, store: LocalSessionStore, clock: StillClock
) -> None:
    """An hour and a little later nothing can come that must be remembered."""
    await revoke(store, clock, "a", "b")
    await here.look()
    clock.pass_time(4000.0)
    await revoke(store, clock, "c")
    await here.look()
    assert len(here.revocations) == 3
    clock.pass_time(201.0)
    await here.look()
    assert len(here.revocations) == 1


async def test_a_look_reads_only_what_is_new(here: Replica, store: LocalSessionStore, clock: StillClock) -> None:
    """However much was revoked before; and a replica that starts reads what still matters."""
    asked = list[tuple[int, float]]()

    class Asked(LocalSessionStore):
        async def revocations(self, *, after: int, since: float) -> Sequence[Revocation]:
            asked.append((after, since))
            return await super().revocations(after=after, since=since)

    own = Asked()
    mirror = Revocations(own, ring=here.ring, clock=clock, pace=FAST)
    await revoke(own, clock, "a", "b")
    await mirror.refresh()
    await mirror.refresh()
    assert asked == [(0, clock.now() - 4200.0), (2, clock.now() - 4200.0)]
