"""What happened: every event a request can cause, caused over HTTP and found in the trail; and what is in none."""

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx
import pytest

from bullpen.security.audit import EventType
from tests.stubs import tokens
from tests.stubs.catalogue import write_catalogue
from tests.stubs.events import events_of
from tests.stubs.pages import PROJECT
from tests.stubs.people import made
from tests.stubs.scene import TASK, Caused, Scene, known
from tests.stubs.serving import Server

LEEWAY: Final = 10.0
EXECUTE: Final = {"agent_type": "openai_echo", "task": TASK}
RUN: Final = {"agent_type": "openai_echo", "task_length": len(TASK)}
EVENTS: Final = {"Accept": "text/event-stream"}

# Not caused by a request: by files (test_policies.py), by time (test_audit_log.py), or by rooms that are not built yet.
OTHERWISE: Final = {
    *(EventType.POLICY_RELOADED, EventType.POLICY_REJECTED, EventType.SETTINGS_CHANGED),
    *(EventType.AUDIT_PRUNED, EventType.DATA_READ, EventType.PERSON_ERASED),
}

LIMITS: Final = """
levels: {}
roles:
  hasty: {user: {rate: 1, per: 3600, burst: 1}}
  tireless: {user: {rate: 10, per: 1, burst: 200}}
  alone: {user: {concurrent: 1}}
penalty: {burst: 3600, excess: 3600}
"""
RULES: Final = """
@id("here") permit (principal in Role::"hasty", action in Action::"agent", resource);
@id("there") permit (principal in Role::"tireless", action in Action::"agent", resource);
@id("alone") permit (principal in Role::"alone", action in Action::"agent", resource);

@id("rome")
@by("attributes")
permit (principal, action in Action::"agent", resource)
when { principal has project && principal.project == "rome" };
"""


def shown(scene: Scene, bearer: str, **details: Any) -> Caused:
    """What a token causes that opens nothing."""
    with scene.by_token(bearer) as client:
        return Caused(client.get("/agents"), details=details)


def expired(scene: Scene) -> Caused:
    """A token that was accepted, shown until it is not: it has a second, or as long as this machine needs."""
    for seconds in (1, 2, 4, 8, 16):
        with scene.ada(exp=time.time() - LEEWAY + seconds) as client:
            opened = (answer := client.get("/agents")).status_code == 200
            while answer.status_code == 200:
                answer = client.get("/agents")
        if opened:
            return Caused(answer, details={"user_id": "ada"})
    raise AssertionError("The token was never accepted.")


def missing(scene: Scene) -> Caused:
    with scene.by_token("") as client:
        return Caused(client.get("/agents"))


def wrong_key(scene: Scene) -> Caused:
    with scene.by_key(scene.server.api_key[:-4] + "0000") as client:
        return Caused(client.get("/agents"))


def guessing(scene: Scene) -> Caused:
    """One address tries until it has to wait; the answer is that of the first try it has to wait after."""
    with scene.by_key(f"bp_{'C' * 12}_{'0' * 64}") as client:
        tries = [client.get("/agents")]
        while tries[-1].status_code != 429:
            tries.append(client.get("/agents"))
    return Caused(tries[-2])


def asked(
    method: str, path: str, *, outcome: str = "success", leaves: dict[str, Any] | None = None, **options: Any
) -> Callable[[Scene], Caused]:
    """What Ada causes by one request, and the details it leaves."""

    def cause(scene: Scene) -> Caused:
        with scene.ada() as client:
            return known(client.request(method, path, **options), outcome=outcome, **leaves or {})

    return cause


def operated(method: str, path: str, **options: Any) -> Callable[[Scene], Caused]:
    """What the operator causes by one request."""

    def cause(scene: Scene) -> Caused:
        with scene.by_key() as client:
            return known(client.request(method, path, **options), "admin")

    return cause


def keyed(method: str, path: str, **options: Any) -> Callable[[Scene], Caused]:
    """What the operator causes to a key of Bob's."""

    def cause(scene: Scene) -> Caused:
        with scene.by_key() as client:
            fresh = made(client, user_id="bob")
            answer = client.request(method, f"/security/keys/{fresh['id']}{path}", **options)
        scene.secrets += [secret for secret in (fresh["key"], answer.json().get("key")) if secret]
        return known(answer, "admin", key_owner="bob")

    return cause


def by_attributes(scene: Scene) -> Caused:
    """Somebody without a role that permits it, and with a project that does."""
    with scene.ada(roles=[], attributes={"project": "rome"}) as client:
        return known(client.get("/agents"), rules="rome")


def burst(scene: Scene) -> Caused:
    with scene.ada(user_id="hasty", roles=["hasty"]) as client:
        client.get("/agents")
        return known(client.get("/agents"), "hasty", "denied", level="user")


def blocked(scene: Scene) -> Caused:
    with scene.ada(user_id="blocked", roles=["hasty"]) as client:
        for _ in range(2):
            client.get("/agents")
        return known(client.get("/agents"), "blocked", "denied", level="user")


def excess(scene: Scene) -> Caused:
    """A bucket that is never empty for a second, and then is asked for more than is in it."""
    many: dict[str, Any] = {"requests": [{}] * 60}
    with scene.ada(user_id="tireless", roles=["tireless"]) as client:
        end = time.monotonic() + 1.1
        assert client.post("/agent/batch", json=many).status_code == 200
        while time.monotonic() < end:
            time.sleep(0.05)
        while (answer := client.post("/agent/batch", json=many)).status_code == 200:
            pass
    return known(answer, "tireless", "denied", level="user")


def crowded(scene: Scene) -> Caused:
    """One run is under way and no second is allowed."""
    with scene.ada(user_id="alone", roles=["alone"]) as client:
        stalled = {"agent_type": "openai_stall_midstream", "task": TASK}
        with client.stream("POST", "/agent/execute", json=stalled, headers=EVENTS) as running:
            told = events_of(running)  # kept: without it the answer would be closed, and the run with it
            next(told)
            caused = known(client.get("/agents"), "alone", "denied", level="user-concurrent")
            del told
            return caused


def refreshed(scene: Scene, *, times: int = 1) -> httpx.Response:
    body = {"refresh_token": scene.grant()["refresh_token"]}
    with scene.by_token("") as client:
        answers = [client.post("/auth/refresh", json=body) for _ in range(times)]
    scene.secrets += [token for token in map(answers[0].json().get, ("access_token", "refresh_token")) if token]
    return answers[-1]


def revoked(scene: Scene) -> Caused:
    with scene.by_token("") as client:
        return known(client.post("/auth/revoke", json={"token": scene.grant()["access_token"]}), "admin")


CAUSES: Final[dict[EventType, Callable[[Scene], Caused]]] = {
    EventType.AUTHENTICATION_SUCCESS: asked("GET", "/agents"),
    EventType.TOKEN_EXPIRED: expired,
    EventType.TOKEN_TOO_OLD: lambda scene: shown(scene, tokens.token(iat=int(time.time()) - 100_000), user_id="ada"),
    EventType.TOKEN_EXPIRED_SIGNATURE: lambda scene: shown(scene, tokens.token(exp=1), user_id="ada"),
    EventType.TOKEN_INVALID: lambda scene: shown(scene, tokens.token(secret="w" * 64), reason="signature"),
    EventType.API_KEY_AUTH_SUCCESS: operated("GET", "/agents"),
    EventType.API_KEY_AUTH_FAILED: wrong_key,
    EventType.CREDENTIAL_MISSING: missing,
    EventType.GUESSING_SLOWED: guessing,
    EventType.AUTHORIZATION_SUCCESS: asked("GET", "/agents"),
    EventType.ABAC_AUTHORIZATION_SUCCESS: by_attributes,
    EventType.AUTHORIZATION_DENIED: asked("GET", "/metrics", outcome="denied"),
    EventType.RATE_LIMIT_BLOCKED: blocked,
    EventType.BURST_LIMIT_TRIGGERED: burst,
    EventType.RATE_LIMIT_EXCEEDED: excess,
    EventType.CONCURRENCY_LIMIT_REACHED: crowded,
    EventType.AGENT_EXECUTION: asked("POST", "/agent/execute", json=EXECUTE, leaves=RUN),
    EventType.API_KEY_CREATED: operated("POST", "/security/keys", json={"name": "one", "user_id": "bob"}),
    EventType.API_KEY_ROTATED: keyed("POST", "/rotate", json={}),
    EventType.API_KEY_REVOKED: keyed("DELETE", ""),
    EventType.TOKEN_ISSUED: operated("POST", "/auth/token"),
    EventType.TOKEN_REFRESHED: lambda scene: known(refreshed(scene), "admin"),
    EventType.TOKEN_REUSED: lambda scene: Caused(refreshed(scene, times=2), details={"reason": "reused"}),
    EventType.TOKEN_REVOKED: revoked,
    EventType.AUDIT_READ: asked("GET", "/audit/log"),
    EventType.AUDIT_VERIFIED: operated("GET", "/audit/verify"),
}
ROUTES: Final = {
    EventType.API_KEY_ROTATED: "/security/keys/{key_id}/rotate",
    EventType.API_KEY_REVOKED: "/security/keys/{key_id}",
}
# These are caused on a server of their own, with limits, and with a rule that looks at attributes.
APART: Final = {
    *(EventType.GUESSING_SLOWED, EventType.ABAC_AUTHORIZATION_SUCCESS, EventType.RATE_LIMIT_BLOCKED),
    *(EventType.BURST_LIMIT_TRIGGERED, EventType.RATE_LIMIT_EXCEEDED, EventType.CONCURRENCY_LIMIT_REACHED),
}


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory, stub_settings: dict[str, str]) -> Iterator[Server]:
    """A server with limits, a penalty, and little patience for guesses."""
    folder = tmp_path_factory.mktemp("limited")
    config = write_catalogue(folder)
    (config / "limits.yaml").write_text(LIMITS)
    (config / "policies.cedar").write_text((PROJECT / "config" / "policies.cedar").read_text() + RULES)
    settings = {**stub_settings, "CONFIG_DIR": str(config), "API_SECRET_KEY": tokens.SECRET, "AUTH__GUESSES": "3"}
    with Server(folder, settings=settings) as server:
        yield server


def test_every_event_has_a_cause() -> None:
    """Every kind there is: by a request here, or by what is named as another cause."""
    assert {*CAUSES, *OTHERWISE} == set(EventType)
    assert not {*CAUSES} & OTHERWISE


@pytest.mark.parametrize("kind", CAUSES, ids=str)
def test_every_event_is_found_with_all_its_members(
    request: pytest.FixtureRequest, server: Server, kind: EventType
) -> None:
    """Time, actor, tenant, address, user agent, request, route and outcome; and no word too many."""
    scene = Scene(request.getfixturevalue("limited") if kind in APART else server)
    begun = time.time()
    caused = CAUSES[kind](scene)
    scene.check(caused, kind, begun=begun, route=ROUTES.get(kind, ""))
