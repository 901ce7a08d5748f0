"""Sessions: begun with a key, renewed once a token, and ended for good."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from bullpen.errors import DependencyDown, Unauthenticated
from bullpen.security.authentication import ApiKey, Grant, KeyRecord, News
from bullpen.security.authentication.local import LocalKeyStore, LocalSessionStore
from bullpen.security.authentication.opaque import RefreshToken
from bullpen.security.authentication.ports import RefreshRecord, Revocation
from tests.stubs import tokens
from tests.stubs.clock import StillClock
from tests.stubs.sessions import Replica, replica

HOUR, WEEK = 3600, 7 * 86_400


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
async def here(clock: StillClock) -> Replica:
    made = replica(clock)
    await made.look()
    return made


async def key_of(here: Replica, *, lifetime: float | None = None) -> KeyRecord:
    _, record = here.locksmith.cut(
        name="n",
        user_id="ada",
        tenant="acme",
        roles=["analyst"],
        permissions=["key:read"],
        attributes={"department": "sales", "clearance_level": 2},
        lifetime=lifetime,
    )
    await here.locksmith.add(record)
    return record


async def begun(here: Replica) -> Grant:
    return await here.sessions.begin((await key_of(here)).id)


async def refused(here: Replica, text: str) -> str:
    """The event a refresh is refused with."""
    with pytest.raises(Unauthenticated) as caught:
        await here.sessions.refresh(text)
    assert caught.value.detail == "The refresh token is not valid."
    return caught.value.event


async def closed(here: Replica, grant: Grant) -> bool:
    """Whether the access token opens nothing."""
    try:
        await here.tokens.verify(grant.access_token)
    except Unauthenticated:
        return True
    return False


async def test_an_access_token_is_the_keys_owner(here: Replica) -> None:
    """With the key's tenant, roles, permissions and attributes, and named after its session."""
    grant = await begun(here)
    caller = await here.tokens.verify(grant.access_token)
    assert caller == grant.caller
    assert (caller.user_id, caller.tenant, caller.roles) == ("ada", "acme", frozenset({"analyst"}))
    assert caller.attributes == {"department": "sales", "clearance_level": 2}
    assert caller.credential == f"jwt:{grant.session}"
    assert (grant.expires_in, grant.refresh_expires_in) == (HOUR, WEEK)


async def test_nothing_of_a_grant_shows_by_accident(here: Replica) -> None:
    """A grant in a log line has neither token."""
    grant = await begun(here)
    assert grant.access_token not in repr(grant)
    assert grant.refresh_token not in repr(grant)


async def test_a_refresh_token_is_exchanged_once_for_new_ones(here: Replica, clock: StillClock) -> None:
    """Of the same session, with time from now on."""
    first = await begun(here)
    clock.pass_time(HOUR + 60)
    await here.look()
    assert await closed(here, first)
    second = await here.sessions.refresh(first.refresh_token)
    assert (second.session, second.caller) == (first.session, first.caller)
    assert not await closed(here, second)
    assert (second.expires_in, second.refresh_expires_in) == (HOUR, WEEK)


async def test_a_spent_token_that_comes_again_ends_the_session(here: Replica) -> None:
    """All of its tokens, also those of the honest one: who is who cannot be told."""
    first = await begun(here)
    second = await here.sessions.refresh(first.refresh_token)
    assert await refused(here, first.refresh_token) == "token_reused"
    assert await closed(here, first)
    assert await closed(here, second)
    assert await refused(here, second.refresh_token) == "token_invalid"


class Meeting(LocalSessionStore):
    """Lets everybody find the token before the first exchanges it, as a database would."""

    async def find(self, token_id: str) -> RefreshRecord | None:
        found = await super().find(token_id)
        await asyncio.sleep(0)
        return found


@pytest.mark.parametrize("store", [LocalSessionStore, Meeting])
async def test_one_token_sent_twice_at_once_ends_the_session(clock: StillClock, store: type[LocalSessionStore]) -> None:
    """One of the two is served, and it does not help: a client must never send one twice."""
    here = replica(clock, sessions=store())
    await here.look()
    first = await begun(here)
    answers = await asyncio.gather(
        *(here.sessions.refresh(first.refresh_token) for _ in range(5)), return_exceptions=True
    )
    served = [each for each in answers if isinstance(each, Grant)]
    assert len(served) == 1
    assert await closed(here, served[0])


async def test_sessions_of_one_key_are_apart(here: Replica) -> None:
    """Ending one leaves the others."""
    record = await key_of(here)
    one, other = await here.sessions.begin(record.id), await here.sessions.begin(record.id)
    assert await here.sessions.revoke(one.session)
    assert await closed(here, one)
    assert not await closed(here, other)


async def test_a_revoked_session_stays_revoked(here: Replica) -> None:
    """Revoking again says that it was, and its tokens open nothing ever again."""
    grant = await begun(here)
    assert [await here.sessions.revoke(grant.session) for _ in range(2)] == [True, False]
    assert await refused(here, grant.refresh_token) == "token_invalid"


async def test_no_token_outlives_its_key(here: Replica, clock: StillClock) -> None:
    """Tokens end with the key, by their own times and by the key's."""
    record = await key_of(here, lifetime=60.0)
    grant = await here.sessions.begin(record.id)
    assert (grant.expires_in, grant.refresh_expires_in) == (60, 60)
    clock.pass_time(60.0)
    await here.look()
    assert await closed(here, grant)
    assert await refused(here, grant.refresh_token) == "token_expired"
    with pytest.raises(Unauthenticated):
        await here.sessions.begin(record.id)


async def test_a_revoked_key_takes_its_tokens_with_it(here: Replica) -> None:
    """At once on the replica that revokes it."""
    record = await key_of(here)
    grant = await here.sessions.begin(record.id)
    await here.locksmith.revoke(record.id)
    assert await closed(here, grant)
    assert await refused(here, grant.refresh_token) == "token_invalid"


async def test_a_token_never_grants_more_than_its_key_does_now(clock: StillClock) -> None:
    """A key whose rights were changed by hand takes them from tokens that are out; a refresh gives the new ones."""

    class Edited(LocalKeyStore):
        def demote(self, key_id: str) -> None:
            self._keep(replace(self._records[key_id], roles=frozenset({"user"})))

    store = Edited()
    here = replica(clock, keys=store)
    await here.look()
    record = await key_of(here)
    grant = await here.sessions.begin(record.id)
    store.demote(record.id)
    await here.look()
    assert await closed(here, grant)
    assert (await here.sessions.refresh(grant.refresh_token)).caller.roles == {"user"}


async def test_others_hear_of_a_revocation(clock: StillClock) -> None:
    """So that they need not wait for their next look."""
    news, heard = News(), list[None]()
    here = replica(clock, news=news)
    await here.look()
    grant = await begun(here)
    news.subscribe(lambda: heard.append(None))
    await here.sessions.revoke(grant.session)
    assert len(heard) == 1


async def test_another_replica_knows_after_its_next_look(clock: StillClock) -> None:
    """What is revoked here is refused there, also with a token it has accepted before."""
    keys, sessions = LocalKeyStore(), LocalSessionStore()
    here, there = (replica(clock, keys=keys, sessions=sessions) for _ in range(2))
    await here.look()
    grant = await begun(here)
    await there.look()
    assert not await closed(there, grant)
    await here.sessions.revoke(grant.session)
    await there.look()
    assert await closed(there, grant)


async def test_a_replica_that_has_not_seen_the_key_yet_serves_its_session(clock: StillClock) -> None:
    """A session may be used and renewed elsewhere in the very second in which its key was made."""
    keys, sessions = LocalKeyStore(), LocalSessionStore()
    here, there = (replica(clock, keys=keys, sessions=sessions) for _ in range(2))
    await here.look()
    await there.look()
    grant = await begun(here)
    assert not await closed(there, grant)
    assert (await there.sessions.refresh(grant.refresh_token)).session == grant.session


@pytest.mark.parametrize("text", ["", "br_1", "nonsense", "ü", "br_" + "a" * 12 + "_" + "0" * 64])
async def test_what_is_no_refresh_token_is_refused(here: Replica, text: str) -> None:
    """In the same words."""
    assert await refused(here, text) == "token_invalid"


async def test_a_guessed_secret_ends_no_session(here: Replica) -> None:
    """Who knows the id alone, which is no secret, can neither renew nor revoke."""
    grant = await begun(here)
    known = RefreshToken.parse(grant.refresh_token)
    assert known is not None
    guessed = RefreshToken(known.id, RefreshToken.generate().secret).text
    assert await refused(here, guessed) == "token_invalid"
    assert await here.sessions.holding(guessed) is None
    assert not await closed(here, grant)


async def test_an_api_key_is_no_refresh_token(here: Replica) -> None:
    """And an access token is none either."""
    grant = await begun(here)
    for text in (ApiKey.generate().text, grant.access_token):
        assert await refused(here, text) == "token_invalid"


async def test_either_token_tells_its_session_and_whose_it_is(here: Replica) -> None:
    """To whoever wants to end it; nothing else does."""
    grant = await begun(here)
    told = [await here.sessions.holding(text) for text in (grant.access_token, grant.refresh_token)]
    assert told == [(grant.session, grant.caller)] * 2
    foreign = tokens.token(sid="another-programs")
    assert [await here.sessions.holding(text) for text in ("", "nonsense", "br_1", foreign)] == [None] * 4


async def test_nothing_hangs_on_a_key_that_opens_nothing(here: Replica) -> None:
    """There is nothing left to revoke, so nobody is told whose the session was."""
    grant = await begun(here)
    await here.locksmith.revoke(grant.session.split("_")[1])
    assert await here.sessions.holding(grant.access_token) is None
    assert await here.sessions.holding(grant.refresh_token) is None


async def test_a_token_that_cannot_be_checked_is_not_taken_for_a_bad_one(here: Replica, clock: StillClock) -> None:
    """Whoever wants to end a session must not be told that it has ended when nobody could look."""
    grant = await begun(here)
    clock.pass_time(31)  # longer than what was seen last stands
    for text in (grant.access_token, grant.refresh_token):
        with pytest.raises(DependencyDown):
            await here.sessions.holding(text)


async def test_a_refresh_token_of_the_secret_before_is_exchanged(clock: StillClock) -> None:
    """Its heir hangs on today's, so the secret before can be dropped after a week."""
    keys, sessions = LocalKeyStore(), LocalSessionStore()
    before = replica(clock, keys=keys, sessions=sessions)
    await before.look()
    first = await begun(before)
    new = "n" * 40
    between = replica(clock, keys=keys, sessions=sessions, secret=new, older=(tokens.SECRET,))
    await between.look()
    second = await between.sessions.refresh(first.refresh_token)
    after = replica(clock, keys=keys, sessions=sessions, secret=new)
    await after.look()
    assert await refused(after, first.refresh_token) == "token_invalid"
    assert (await after.sessions.refresh(second.refresh_token)).session == first.session


async def test_what_has_expired_is_removed(clock: StillClock) -> None:
    """And what has not is not; a token that is gone is refused like one that never was."""
    sessions = LocalSessionStore()
    here = replica(clock, sessions=sessions)
    await here.look()
    old = await begun(here)
    clock.pass_time(WEEK + 1)
    await here.look()
    assert await here.sessions.prune() == 0, "Another replica's clock may be behind."
    new = await begun(here)
    clock.pass_time(2 * HOUR)
    await here.look()
    assert await here.sessions.prune() == 2
    assert await refused(here, old.refresh_token) == "token_invalid"
    assert (await here.sessions.refresh(new.refresh_token)).session == new.session


async def test_a_store_that_is_away_ends_nothing(clock: StillClock) -> None:
    """`DependencyDown`, and the refresh token is good for another try."""

    class Away(LocalSessionStore):
        away = False

        async def exchange(self, *_: object, **__: object) -> bool:
            raise DependencyDown("away")

    here = replica(clock, sessions=Away())
    await here.look()
    grant = await begun(here)
    with pytest.raises(DependencyDown):
        await here.sessions.refresh(grant.refresh_token)
    assert not await closed(here, grant)


async def test_a_thief_is_on_record_though_the_store_goes_away(clock: StillClock) -> None:
    """Once the session is revoked the answer says why, whether or not this process can look at it again."""

    class Leaving(LocalSessionStore):
        here = True

        async def revoke(self, session: str, *, at: float) -> bool:
            done = await super().revoke(session, at=at)
            self.here = False
            return done

        async def revocations(self, *, after: int, since: float) -> Sequence[Revocation]:
            if not self.here:
                raise DependencyDown("It is away.")
            return await super().revocations(after=after, since=since)

    here = replica(clock, sessions=Leaving())
    await here.look()
    grant = await begun(here)
    await here.sessions.refresh(grant.refresh_token)
    assert await refused(here, grant.refresh_token) == "token_reused"
