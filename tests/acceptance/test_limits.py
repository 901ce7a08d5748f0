"""Not so fast, over the wire: what is counted, for whom, until when, and what the caller reads of it."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.stubs import tokens
from tests.stubs.catalogue import write_catalogue
from tests.stubs.fields import parse_list
from tests.stubs.serving import Server
from tests.stubs.upstream import Upstream

SLOWLY = "rate: 60, per: 3600, burst: 10"
LIMITS = f"""
levels:
  user: {{{SLOWLY}, concurrent: 1}}
  address: {{rate: 120, per: 3600, burst: 20}}
roles:
  busy: {{user: {{rate: 36000, burst: 3000, tokens_per_minute: 1000, tokens_burst: 100000}}, address: unlimited}}
"""
POLICIES = """
@id("here") permit (principal in Role::"busy", action in Action::"agent", resource);
@id("everybody") permit (principal, action in Action::"agent:read", resource);
@id("runs") permit (principal, action in Action::"agent:execute", resource);
@id("operators") permit (principal in Role::"admin", action, resource);
"""
HELLO = {"agent_type": "openai_stub", "task": "Hello"}


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory, stub_settings: dict[str, str]) -> Iterator[Server]:
    """A server that takes us for its proxy, with limits that hardly drain while a test looks."""
    folder: Path = tmp_path_factory.mktemp("limited")
    config = write_catalogue(folder)
    (config / "limits.yaml").write_text(LIMITS)
    (config / "policies.cedar").write_text(POLICIES)
    settings = {
        **stub_settings,
        "CONFIG_DIR": str(config),
        "API_SECRET_KEY": tokens.SECRET,
        "HTTP__TRUSTED_PROXIES": "127.0.0.1",
        "POOL__MAX_WAIT": "1",
    }
    with Server(folder, settings=settings) as server:
        yield server


def caller(server: Server, user: str, *, address: str, roles: tuple[str, ...] = ("user",)) -> httpx.Client:
    """Somebody at an address of their own."""
    token = tokens.token(user_id=user, roles=list(roles))
    return server.client(key="", headers={"Authorization": f"Bearer {token}", "X-Forwarded-For": address})


def busy(server: Server, user: str) -> httpx.Client:
    """Somebody whom only the cap and the tokens hold."""
    return caller(server, user, address="192.0.2.99", roles=("busy",))


def stranger(server: Server, *, address: str) -> httpx.Client:
    return server.client(key="", headers={"X-Forwarded-For": address})


def left(answer: httpx.Response, level: str = "user") -> int:
    """What the answer says is left at a level."""
    return next(int(told["r"]) for name, told in parse_list(answer.headers["RateLimit"]) if name == level)


def soon(happens: Callable[[], bool]) -> None:
    """Fails unless it is so within ten seconds; a request's end is settled behind its answer."""
    end = time.monotonic() + 10
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_batch_may_be_larger_than_the_burst(limited: Server) -> None:
    """It is slow, not impossible: let in when nothing was asked for before, and paid for by those after it."""
    body = {"requests": [HELLO] * 15}
    with caller(limited, "batches", address="192.0.2.1") as client:
        answer = client.post("/agent/batch", json=body)
        refused = client.get("/agents")
    assert [each["success"] for each in answer.json()["results"]] == [True] * 15
    assert refused.status_code == 429
    assert 5 * 60 < int(refused.headers["Retry-After"]) <= 6 * 60


def test_a_batch_that_is_refused_is_told_how_large_it_may_be(limited: Server) -> None:
    """And it costs what one request costs, whatever its size."""
    with caller(limited, "asks-first", address="192.0.2.2") as client:
        assert left(client.get("/agents")) == 9
        refused = client.post("/agent/batch", json={"requests": [HELLO] * 15})
        after = client.get("/agents")
    assert refused.status_code == 429
    assert "Up to 10 requests at once wait less." in refused.json()["detail"]
    assert 60 < int(refused.headers["Retry-After"]) <= 120
    assert left(after) == 7


def test_what_is_refused_takes_nothing(limited: Server) -> None:
    """However often it is asked for, at no level: the time to come back is what it was."""
    with caller(limited, "spent", address="192.0.2.3") as client:
        while client.get("/agents").status_code == 200:
            pass
        refused = [client.get("/agents") for _ in range(5)]
    assert {each.status_code for each in refused} == {429}
    assert {left(each, "address") for each in refused} == {left(refused[0], "address")}
    assert int(refused[-1].headers["Retry-After"]) <= int(refused[0].headers["Retry-After"]) <= 60


def test_strangers_do_not_spend_what_those_who_are_known_have(limited: Server) -> None:
    """A flood without credentials, from behind the same router, is refused; whoever is known there is not."""
    with stranger(limited, address="192.0.2.4") as flood:
        assert [flood.get("/agents").status_code for _ in range(22)] == [401] * 20 + [429] * 2
    with caller(limited, "honest", address="192.0.2.4") as client:
        assert client.get("/agents").status_code == 200


def test_an_address_of_ipv6_is_one_of_its_network(limited: Server) -> None:
    """One customer has 2^64 of them, and all together what one has in IPv4."""
    statuses = []
    for number in range(22):
        with stranger(limited, address=f"2001:db8:0:7::{number:x}") as flood:
            statuses.append(flood.get("/agents").status_code)
    assert statuses == [401] * 20 + [429] * 2
    with stranger(limited, address="2001:db8:0:8::1") as neighbour:
        assert neighbour.get("/agents").status_code == 401


def test_guessing_at_a_key_does_not_lock_its_owner_out(limited: Server) -> None:
    """Not from the guesser's own address either; the wait is on the trail once, and counted each time."""
    key = limited.api_key
    with limited.client(headers={"X-Forwarded-For": "192.0.2.5"}) as owner:
        assert owner.get("/agents").status_code == 200
        with limited.client(key=f"{key[:-8]}00000000", headers={"X-Forwarded-For": "192.0.2.5"}) as guesser:
            statuses = [guesser.get("/agents").status_code for _ in range(15)]
        assert statuses == [401] * 11 + [429] * 4
        assert owner.get("/agents").status_code == 200
        trail = owner.get("/audit/log", params={"tenant": "-", "event_type": "guessing_slowed"}).json()["audit_log"]
        assert [row["ip_address"] for row in trail] == ["192.0.2.5"]
        assert 'bullpen_rate_limited_total{level="guesses"} 4.0' in owner.get("/metrics").text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/agents", 200),
        ("HEAD", "/agents", 200),
        ("GET", "/security/status", 403),
        ("GET", "/agents/nobody", 404),
        ("POST", "/agent/execute", 415),
    ],
)
def test_every_answer_behind_the_gate_says_how_the_limits_stand(
    limited: Server, method: str, path: str, status: int
) -> None:
    """In structured fields, one item a level, each with its policy."""
    with caller(limited, f"reads{status}{method}", address="192.0.2.6", roles=("user", "busy")) as client:
        answer = client.request(method, path)
    assert answer.status_code == status
    policies, states = (dict(parse_list(answer.headers[name])) for name in ("RateLimit-Policy", "RateLimit"))
    assert list(policies) == list(states)
    assert policies["user"] == {"q": 36000, "w": 3600, "bullpen-burst": 3000}
    assert policies["user-concurrent"] == {"q": 1, "qu": "concurrent-requests"}
    assert states["user-concurrent"] == {"r": 0}


@pytest.mark.parametrize(
    ("agent_type", "headers", "status"),
    [
        ("openai_stub", {}, 200),
        ("openai_stub", {"Accept": "text/event-stream"}, 200),
        ("nobody", {}, 404),
        ("openai_500", {}, 502),
        ("openai_error_midstream", {"Accept": "text/event-stream"}, 200),
        ("impatient", {}, 504),
        ("", {}, 422),
    ],
)
def test_however_a_request_ends_it_gives_back_what_it_held(
    limited: Server, agent_type: str, headers: dict[str, str], status: int
) -> None:
    """Its place, and of the tokens it had reserved all that no model has used."""
    with busy(limited, f"ends-{agent_type}-{len(headers)}") as client:
        body = {"agent_type": agent_type, "task": "Hello"} if agent_type else {}
        assert client.post("/agent/execute", json=body, headers=headers).status_code == status
        soon(lambda: client.get("/agents").status_code == 200)
        soon(lambda: left(client.post("/agent/execute", json={}), "user-tokens") > 100_000 - 1100)


@pytest.mark.parametrize("headers", [{}, {"Accept": "text/event-stream"}])
def test_who_hangs_up_holds_nothing(limited: Server, upstream: Upstream, headers: dict[str, str]) -> None:
    """The only place there is can be had again at once, and the tokens are back."""
    name = f"hangs-up-{len(headers)}"
    with busy(limited, name) as client:
        body = {"agent_type": "openai_stall", "task": "Hello"}
        with pytest.raises(httpx.ReadTimeout):
            client.post("/agent/execute", json=body, headers=headers, timeout=0.7)
        upstream.wait()
        soon(lambda: client.get("/agents").status_code == 200)
        soon(lambda: left(client.post("/agent/execute", json={}), "user-tokens") > 100_000 - 1100)
