"""May you, over the wire: what the policy file says holds for every request, and from the moment it says it."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from bullpen.caller import Caller
from bullpen.security.authorization import Resource
from bullpen.security.authorization.document import FILE, policies_in
from bullpen.security.authorization.explanation import explain
from tests.stubs import tokens
from tests.stubs.catalogue import write_catalogue
from tests.stubs.serving import PROJECT, Server

PERMISSIONS: Final = {
    "basic": "agent:execute:basic",
    "any": "agent:execute",
    "advanced": "agent:execute:advanced",
    "deeper": "agent:execute:advanced:deep",
    "making": "agent:create",
    "data": "data:read",
    "odd": "no:such:permission",
}
AGENTS: Final = [{"type": name, "model": "openai:stub", "permission": each} for name, each in PERMISSIONS.items()]
SHIPPED: Final = (PROJECT / "config" / FILE).read_text()
LIMITS: Final = "levels: {user: {rate: 100000, burst: 10000}}\n"


@pytest.fixture(scope="module")
def governed(tmp_path_factory: pytest.TempPathFactory, stub_settings: dict[str, str]) -> Iterator[Server]:
    """A server with the shipped policies and an agent for each permission."""
    folder: Path = tmp_path_factory.mktemp("governed")
    config = write_catalogue(folder, agents=AGENTS)
    (config / FILE).write_text(SHIPPED)
    (config / "limits.yaml").write_text(LIMITS)
    settings = {**stub_settings, "CONFIG_DIR": str(config), "API_SECRET_KEY": tokens.SECRET}
    with Server(folder, settings=settings) as server:
        yield server


def somebody(server: Server, **claims: Any) -> httpx.Client:
    return server.client(key="", headers={"Authorization": f"Bearer {tokens.token(**claims)}"})


def ask(client: httpx.Client, agent_type: str) -> int:
    return client.post("/agent/execute", json={"agent_type": agent_type, "task": "Hello"}).status_code


def rewrite(server: Server, file: str, text: str, *, becomes: str = "success") -> None:
    """Changes a file of the configuration, and waits until the server has looked at it."""
    name = f'bullpen_config_reloads_total{{file="{file}",outcome="{becomes}"}}'
    with server.client() as admin:
        before = admin.get("/metrics").text
        (server.folder / "config" / file).write_text(text)
        end = time.monotonic() + 20
        while metric(after := admin.get("/metrics").text, name) == metric(before, name):
            assert time.monotonic() < end, after
            time.sleep(0.05)


def metric(text: str, name: str) -> str:
    return next((line.removeprefix(name) for line in text.splitlines() if line.startswith(name)), " 0.0")


@pytest.mark.parametrize("clearance", [None, 1, 2, "2"])
@pytest.mark.parametrize("role", ["admin", "developer", "analyst", "user", "unheard_of"])
def test_what_explain_says_is_what_happens(governed: Server, role: str, clearance: int | str | None) -> None:
    """For every agent: run it, find it in the list or not, read it; the policy, asked by itself, says the same."""
    attributes: dict[str, str | int] = {} if clearance is None else {"clearance_level": clearance}
    policies = policies_in(governed.folder / "config")
    caller = Caller(user_id="ada", tenant="default", credential="jwt", roles=frozenset({role}), attributes=attributes)
    wanted = {
        name: explain(policies, caller, permission, Resource(kind="agent", id=name)).decision.allowed
        for name, permission in PERMISSIONS.items()
    }
    with somebody(governed, roles=[role], attributes=attributes) as client:
        ran = {name: ask(client, name) for name in PERMISSIONS}
        shown = client.get("/agents")
        read = {name: client.get(f"/agents/{name}").status_code for name in PERMISSIONS}
    assert ran == {name: 200 if allowed else 403 for name, allowed in wanted.items()}
    reads_agents = explain(policies, caller, "agent:read:own", Resource()).decision.allowed
    assert read == {name: 200 if allowed and reads_agents else 403 for name, allowed in wanted.items()}
    listed = {each["type"] for each in shown.json().get("agents", [])}
    assert listed == {name for name, allowed in wanted.items() if allowed and reads_agents}


def test_a_clearance_of_two_opens_advanced_agents(governed: Server) -> None:
    """The seeds' rule, spelled out: a developer with 1 is refused, one with 2 is not."""
    with somebody(governed, roles=["developer"], attributes={"clearance_level": 1}) as client:
        assert ask(client, "advanced") == 403
    with somebody(governed, roles=["developer"], attributes={"clearance_level": 2}) as client:
        assert ask(client, "advanced") == 200


def test_a_rule_holds_from_the_moment_it_is_read(governed: Server) -> None:
    """Allowed a hundred times and remembered, then forbidden: the next request is refused; and the other way round."""
    banned = '@id("banned") forbid (principal, action, resource == Resource::"agent/basic");'
    bob = '@id("bob") forbid (principal == User::"default/bob", action, resource);'
    with (
        somebody(governed, user_id="ada", roles=["user"]) as ada,
        somebody(governed, user_id="bob", roles=["user"]) as bobs,
    ):
        assert {ask(client, "basic") for client in (ada, bobs) for _ in range(50)} == {200}
        rewrite(governed, FILE, f"{SHIPPED}\n{bob}\n")
        assert [ask(ada, "basic"), ask(bobs, "basic"), bobs.get("/agents").status_code] == [200, 403, 403]
        rewrite(governed, FILE, f"{SHIPPED}\n{banned}\n")
        assert [ask(ada, "basic"), ask(bobs, "basic"), bobs.get("/agents").status_code] == [403, 403, 200]
        assert ada.get("/agents").json()["agents"] == []
        rewrite(governed, FILE, SHIPPED)
        assert [ask(ada, "basic"), ask(bobs, "basic")] == [200, 200]


@pytest.mark.parametrize(
    ("file", "good", "event"),
    [(FILE, SHIPPED, "policy_rejected"), ("limits.yaml", LIMITS, "settings_changed")],
)
def test_a_broken_file_changes_nothing_and_raises_an_alarm(governed: Server, file: str, good: str, event: str) -> None:
    """In the metric, the log and the trail, until it is mended."""
    with governed.client() as admin, somebody(governed, roles=["user"]) as ada:
        rewrite(governed, file, "permit (principal, action", becomes="error")
        assert [ask(ada, "basic"), ask(ada, "any"), ada.get("/security/status").status_code] == [200, 403, 403]
        assert metric(admin.get("/metrics").text, f'bullpen_config_broken{{file="{file}"}}') == " 1.0"
        assert admin.get("/security/status").json()["controls"]["files"] == {"broken": [file]}
        told = admin.get("/audit/log", params={"tenant": "-", "event_type": event}).json()["audit_log"]
        assert [row["outcome"] for row in told][:1] == ["error"]
        rewrite(governed, file, good)
        assert metric(admin.get("/metrics").text, f'bullpen_config_broken{{file="{file}"}}') == " 0.0"
        assert admin.get("/security/status").json()["controls"]["files"] == {"broken": []}
    assert '"event":"file_not_reloaded"' in governed.output()


def test_a_role_is_known_to_the_limits_as_soon_as_to_the_policies(governed: Server) -> None:
    """Both files change together, without a restart; before the policies name it, the role is a mistake."""
    guests = '@id("guests") permit (principal in Role::"guest", action in Action::"agent:read", resource);'
    limits = f"{LIMITS}roles: {{guest: {{user: {{rate: 7, burst: 7}}}}}}\n"
    rewrite(governed, "limits.yaml", limits, becomes="error")
    rewrite(governed, FILE, f"{SHIPPED}\n{guests}\n")
    rewrite(governed, "limits.yaml", f"{limits}# and again\n")
    with somebody(governed, roles=["guest"]) as guest:
        assert guest.get("/agents").headers["RateLimit-Policy"].startswith('"user";q=7;')
    rewrite(governed, "limits.yaml", LIMITS)
    rewrite(governed, FILE, SHIPPED)


def test_limits_that_stay_keep_their_count_when_others_change(governed: Server) -> None:
    """A reload forgives nobody: what was spent before it is spent after it, at the levels that did not change."""
    slow = "levels: {{user: {{rate: 1, per: 3600, burst: 500}}, tenant: {{rate: {tenant}}}}}\n"
    with somebody(governed, user_id="keeps", roles=["user"]) as client:
        rewrite(governed, "limits.yaml", slow.format(tenant=1000))
        assert {client.get("/agents").headers["RateLimit"].split(";")[1] for _ in range(3)} == {
            "r=499",
            "r=498",
            "r=497",
        }
        rewrite(governed, "limits.yaml", slow.format(tenant=2000))
        assert client.get("/agents").headers["RateLimit"].startswith('"user";r=496;')
        rewrite(governed, "limits.yaml", LIMITS)
