"""The composition root: that every guard it opens is fitted where it belongs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bullpen.bootstrap import Services, bootstrap
from bullpen.bootstrap.audit import durability
from bullpen.errors import Misconfigured, RateLimited, Unauthenticated
from bullpen.limits import Subject
from bullpen.messages import Request
from bullpen.resilience import Deadline
from bullpen.security.audit import HOUSE, EventType, Wanted
from bullpen.settings import FileSecret, Settings
from bullpen.stores import open_engine
from tests.stubs.exposition import Exposition
from tests.stubs.limits import until
from tests.stubs.serving import PROJECT

SECRET = "3b7e1c9a5d2f8046e1b3c7d9a0f25864"
OTHER = "9f0d2c4b6a8e1357f9d1b3a5c7e08246"


@asynccontextmanager
async def opened(folder: Path, *, exposed: bool = False, **chosen: Any) -> AsyncIterator[Services]:
    given = {"config_dir": PROJECT / "config", "data_dir": folder / "data", "log_level": "ERROR"}
    settings = Settings.load(**{**given, **chosen})
    async with bootstrap(settings, exposed=exposed) as services:
        yield services


def config_in(folder: Path) -> Path:
    """A configuration with the shipped agents, and nothing else yet."""
    config = folder / "config"
    config.mkdir()
    for name in ("agents", "tools.yaml"):
        (config / name).symlink_to(PROJECT / "config" / name)
    return config


async def key_of(services: Services, *roles: str) -> str:
    key, record = services.locksmith.cut(name="n", user_id="ann", tenant="acme", roles=roles)
    await services.locksmith.add(record)
    return key.text


async def happens(asked: Callable[[], bool]) -> None:
    async def found() -> bool:
        return asked()

    await until(found)


async def recorded(services: Services, event_type: str) -> None:
    """Waits until an event of the house's own was delivered."""

    async def found() -> bool:
        await services.outbox.settle()
        page = await services.audit_log.entries(Wanted(tenant=HOUSE, event_type=event_type))
        return bool(page.records)

    await until(found)


async def test_a_laptop_makes_itself_a_key_and_a_cluster_does_not(tmp_path: Path) -> None:
    """What others can reach has no administrator that nobody asked for."""
    async with opened(tmp_path / "a") as services:
        assert services.first_key is not None
        caller = await services.authenticator.authenticate(api_key=services.first_key)
        assert caller.roles == {"admin"}
    async with opened(tmp_path / "b", exposed=True, model_name="offline", api_secret_key=SECRET) as services:
        assert services.first_key is None
        assert await services.locksmith.keys() == []


async def test_what_others_can_reach_is_refused_without_a_secret_and_a_model(tmp_path: Path) -> None:
    """With everything that is wrong at once."""
    with pytest.raises(Misconfigured) as refused:
        async with opened(tmp_path, exposed=True):
            pytest.fail("It was opened.")
    assert "API_SECRET_KEY:" in str(refused.value)
    assert "MODEL_NAME:" in str(refused.value)


async def test_a_session_that_was_revoked_is_refused(tmp_path: Path) -> None:
    """Access tokens are held against the sessions, and these against the keys they were begun with."""
    async with opened(tmp_path) as services:
        key = await key_of(services, "user")
        grants = [await services.sessions.begin(key.split("_")[1]) for _ in range(2)]
        await services.sessions.revoke(grants[0].session)
        with pytest.raises(Unauthenticated):
            await services.authenticator.authenticate(bearer=grants[0].access_token)
        assert (await services.authenticator.authenticate(bearer=grants[1].access_token)).user_id == "ann"
        await services.locksmith.revoke(key.split("_")[1])
        with pytest.raises(Unauthenticated):
            await services.authenticator.authenticate(bearer=grants[1].access_token)


async def test_everything_that_works_behind_is_begun_and_ended(tmp_path: Path) -> None:
    """Upkeep of the trail, of keys and of sessions, watches, delivery; nothing is left when it is closed."""
    before = asyncio.all_tasks()
    async with opened(tmp_path):
        names = {task.get_name() for task in asyncio.all_tasks()}
        assert {
            "audit-retention",
            "key-ring",
            "key-upkeep",
            "outbox-local",
            "revocations",
            "session-pruning",
            "watch-limits.yaml",
            "watch-policies.cedar",
        } <= names
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before


async def test_a_laptop_records_in_its_own_process_and_a_setting_changes_that(tmp_path: Path) -> None:
    """`process` is the default of SQLite."""
    for mode in (None, "disk"):
        chosen: dict[str, Any] = {"audit": {"durability": mode}} if mode else {}
        async with opened(tmp_path / str(mode), **chosen) as services:
            status = await services.posture.status(tenant="default")
            assert status.controls["audit"] == {
                "durability": mode or "process",
                "degraded": False,
                "keep_days": 2555.0,
            }
            services.audit.record(EventType.SETTINGS_CHANGED)
            await services.audit.commit()
            shown = Exposition(services.metrics.render().decode())
            assert (shown.value("bullpen_audit_commit_seconds_count") > 0) == (mode == "disk"), "A flush is measured."


def test_a_cluster_records_in_its_database() -> None:
    """`shared` is the default of PostgreSQL: a pod's own folder does not survive the pod."""
    engine = open_engine("postgresql://127.0.0.1/nothing")
    assert durability(Settings.load(), engine) == "shared"


async def test_shared_needs_a_database_that_is(tmp_path: Path) -> None:
    """And says which setting to change."""
    with pytest.raises(Misconfigured, match="AUDIT__DURABILITY"):
        async with opened(tmp_path, audit={"durability": "shared"}):
            pytest.fail("It was opened.")


async def test_a_policy_that_changes_holds_and_is_on_record(tmp_path: Path) -> None:
    """A good one is taken, a broken one keeps the old; both are events of the house."""
    config = config_in(tmp_path)
    policy = config / "policies.cedar"
    policy.write_text('@id("a") permit (principal in Role::"old", action, resource);')
    async with opened(tmp_path, config_dir=config) as services:
        assert services.policy.policies.roles == ("old",)
        policy.write_text('@id("a") permit (principal in Role::"young", action, resource);')
        await happens(lambda: services.policy.policies.roles == ("young",))
        await recorded(services, "policy_reloaded")
        policy.write_text("permit (")
        await recorded(services, "policy_rejected")
        assert services.policy.policies.roles == ("young",)


async def test_limits_that_change_hold_and_are_on_record(tmp_path: Path) -> None:
    """The next request is held to them."""
    config = config_in(tmp_path)
    limits = config / "limits.yaml"
    limits.write_text("levels: {}")
    async with opened(tmp_path, config_dir=config) as services:
        before = services.turnstile.policy
        limits.write_text("levels:\n  user: {rate: 1}\n")
        await happens(lambda: services.turnstile.policy is not before)
        await recorded(services, "settings_changed")


async def test_a_secret_that_changes_keeps_what_it_had_signed(tmp_path: Path) -> None:
    """What the one before has signed goes on for the overlap, what is new is the new one's; the change is on record."""
    file = tmp_path / "secret"
    file.write_text(SECRET)
    cluster: dict[str, Any] = {"exposed": True, "model_name": "offline"}
    signing = FileSecret(SECRET, file=file)
    async with opened(tmp_path, **cluster, api_secret_key=signing, secret={"reload_every": 0.01}) as services:
        key = await key_of(services, "user")
        old = await services.sessions.begin(key.split("_")[1])
        file.write_text(OTHER)
        await recorded(services, "settings_changed")
        new = await services.sessions.begin(key.split("_")[1])
        assert new.access_token.split(".")[0] != old.access_token.split(".")[0]
        fresh = await key_of(services, "user")
        for bearer in (key, fresh, old.access_token, new.access_token):
            assert (await services.authenticator.authenticate(bearer=bearer)).user_id == "ann"
    async with opened(tmp_path, **cluster, api_secret_key=OTHER) as services:
        assert (await services.authenticator.authenticate(bearer=fresh)).user_id == "ann"
        found = await services.audit_log.verify(HOUSE)
        assert found.intact
        assert found.signed == found.through > 0


async def test_a_secret_that_would_not_have_started_is_not_taken(tmp_path: Path) -> None:
    """On an address others can reach, one that is easily guessed is told, and the one before still signs."""
    file = tmp_path / "secret"
    file.write_text(SECRET)
    cluster: dict[str, Any] = {"exposed": True, "model_name": "offline", "secret": {"reload_every": 0.01}}
    async with opened(tmp_path, **cluster, api_secret_key=FileSecret(SECRET, file=file)) as services:
        file.write_text("a" * 64)
        broken = b'bullpen_config_broken{file="API_SECRET_KEY"} 1.0'
        await happens(lambda: broken in services.metrics.render())


async def test_a_secret_before_this_one_still_opens(tmp_path: Path) -> None:
    """After a restart with a new one: what the one before has signed is known by `API_SECRET_KEY_PREVIOUS`."""
    cluster: dict[str, Any] = {"exposed": True, "model_name": "offline"}
    async with opened(tmp_path, **cluster, api_secret_key=SECRET) as services:
        key = await key_of(services, "user")
        token = (await services.sessions.begin(key.split("_")[1])).access_token
        services.audit.record(EventType.SETTINGS_CHANGED)
        await services.audit.commit()
    async with opened(tmp_path, **cluster, api_secret_key=OTHER, api_secret_key_previous=SECRET) as services:
        for bearer in (key, token):
            assert (await services.authenticator.authenticate(bearer=bearer)).user_id == "ann"
        assert (await services.audit_log.verify(HOUSE)).signed == 1
    async with opened(tmp_path, **cluster, api_secret_key=OTHER) as services:
        for bearer in (key, token):
            with pytest.raises(Unauthenticated):
                await services.authenticator.authenticate(bearer=bearer)


async def test_it_is_known_when_a_key_was_used_last(tmp_path: Path) -> None:
    """At the latest when the server ends."""
    async with opened(tmp_path) as services:
        key = await key_of(services, "user")
        await services.authenticator.authenticate(api_key=key)
    async with opened(tmp_path) as services:
        record = await services.locksmith.find(key.split("_")[1])
        assert record is not None
        assert record.last_used_at is not None


async def test_each_process_keeps_its_part_of_the_limits(tmp_path: Path) -> None:
    """Without a Redis, of as many as `LIMITS__REPLICAS` says."""
    config = config_in(tmp_path)
    (config / "limits.yaml").write_text("levels:\n  user: {rate: 60, burst: 4}\n")
    async with opened(tmp_path, config_dir=config, limits={"replicas": 2}) as services:
        subject = Subject(user_id="ann", tenant="acme")
        for _ in range(2):
            await services.turnstile.enter(subject)
        with pytest.raises(RateLimited):
            await services.turnstile.enter(subject)


async def test_guessing_is_slowed_as_was_set(tmp_path: Path) -> None:
    """By `AUTH__GUESSES`."""
    async with opened(tmp_path, auth={"guesses": 2}) as services:
        waits = [services.guesses.failed("192.0.2.1", f"bp_{name * 12}_x") for name in "ABC"]
    assert [wait > 0 for wait in waits] == [False, False, True]


async def test_a_run_is_recorded_and_allowed_by_the_same_policy(tmp_path: Path) -> None:
    """The story asks the authority the gate asks, and writes into the same trail."""
    async with opened(tmp_path, model_name="offline") as services:
        caller = await services.authenticator.authenticate(api_key=await key_of(services, "user"))
        await services.execution.execute(
            Request(agent_type="general", task="hello"), caller, deadline=Deadline.after(20)
        )
        await services.audit.commit()
        await services.outbox.settle()
        page = await services.audit_log.entries(Wanted(tenant="acme"))
        assert [each.entry.type for each in page.records] == ["agent_execution", "authorization_success"]
