"""`bullpen keys` and `/security/keys`: keys for others than the administrator, over the wire."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx
import pytest

from bullpen.security.authentication import ApiKey
from tests.stubs.serving import Server, bullpen


@pytest.fixture(scope="module")
def key(server_process: Server) -> str:
    """A key of the role `user`, made while the server runs."""
    done = server_process.bullpen("keys", "create", "kiosk", "--role", "user")
    assert done.returncode == 0, done.stdout
    return done.stdout.strip()


def test_a_new_key_opens_the_door_at_once(server: Server, key: str) -> None:
    """A running server honours a key made beside it, with that key's role and no more."""
    with server.client(key=key) as client:
        answers = [
            client.post("/agent/execute", json={"agent_type": agent_type, "task": "Hello"}).status_code
            for agent_type in ("general", "restricted")
        ]
    assert answers == [200, 403]


@pytest.mark.parametrize(
    "wrong", [("--user", ""), ("--tenant", "a:b"), ("--role", "nobody"), ("--permission", "a b"), ("--days", "inf")]
)
def test_a_key_with_a_mistake_is_not_made(server: Server, wrong: tuple[str, str]) -> None:
    """The command says what is wrong in a line, prints no key, and exits with 2."""
    done = server.bullpen("keys", "create", "kiosk", *wrong)
    assert done.returncode == 2, done.stdout
    assert done.stdout.startswith("bullpen: ")
    assert "bp_" not in done.stdout


def test_a_user_sees_no_figures(server: Server, key: str) -> None:
    """The pool and the metrics are not for the role `user`."""
    with server.client(key=key) as client:
        assert [client.get(path).status_code for path in ("/pool/stats", "/metrics")] == [403, 403]


@pytest.fixture
def operator(server: Server) -> Iterator[httpx.Client]:
    """The administrator of the tenant `default`."""
    with server.client() as client:
        yield client


def made(client: httpx.Client, **asked: Any) -> dict[str, Any]:
    response = client.post("/security/keys", json={"name": "made", **asked})
    assert response.status_code == 201, response.text
    assert response.headers["Cache-Control"] == "no-store"
    document: dict[str, Any] = response.json()
    return document


def status(server: Server, key: str, path: str = "/agents") -> int:
    with server.client(key=key) as client:
        return client.get(path).status_code


def refused_within_a_second(server: Server, key: str) -> bool:
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        if status(server, key) == 401:
            return True
    return False


def test_an_administrator_makes_a_key(server: Server, operator: httpx.Client) -> None:
    """It opens at once with what it was given; the answer alone has it, and it is listed without it."""
    fresh = made(operator, user_id="ada", roles=["analyst"], attributes={"department": "sales"}, expires_in=60)
    assert status(server, fresh["key"]) == 200
    listed = operator.get("/security/keys", params={"limit": 1000})
    assert fresh["key"] not in listed.text
    [entry] = [each for each in listed.json()["keys"] if each["id"] == fresh["id"]]
    assert entry == {name: fresh[name] for name in entry}
    assert (entry["user_id"], entry["tenant"], entry["created_by"]) == ("ada", "default", "default:admin")


def test_a_key_made_without_a_role_is_a_users(operator: httpx.Client) -> None:
    """The least there is; the owner is the name when none is said."""
    fresh = made(operator, name="kiosk")
    assert (fresh["roles"], fresh["permissions"], fresh["user_id"]) == (["user"], [], "kiosk")


def test_the_list_has_pages(operator: httpx.Client) -> None:
    """Every key is on one of them, once."""
    for _ in range(3):
        made(operator, tenant="paged")
    seen = list[str]()
    asked = {"tenant": "paged", "limit": "2"}
    while True:
        page = operator.get("/security/keys", params=asked).json()
        seen += [each["id"] for each in page["keys"]]
        if page["next"] is None:
            break
        asked["after"] = page["next"]
    assert len(seen) == len(set(seen)) == 3


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "n", "tenant": "a:b"}, "tenant"),
        ({"name": "n", "permissions": ["a b"]}, "permissions"),
        ({"name": "n", "expires_in": 0}, "expires_in"),
        ({"name": "n", "roles": "admin"}, "roles"),
        ({"name": "n", "key": "bp_mine"}, "key"),
        ({"name": "n", "attributes": {"clearance_level": 1.5}}, "attributes"),
    ],
)
def test_a_mistake_in_what_is_asked_for_is_named(operator: httpx.Client, asked: dict[str, Any], field: str) -> None:
    """422, with the field, and no key is made."""
    response = operator.post("/security/keys", json=asked)
    assert response.status_code == 422, response.text
    assert response.json()["fields"][0]["path"].startswith(field)


def test_a_role_that_does_not_exist_is_not_given(operator: httpx.Client) -> None:
    """Not even by an administrator: it is a mistake, and the answer names it."""
    answer = operator.post("/security/keys", json={"name": "n", "roles": ["user", "adnim"]})
    assert (answer.status_code, answer.json()["fields"][0]["path"]) == (422, "roles")
    assert "There is no role `adnim`" in answer.json()["detail"]


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "x"}, {"limit": "99999"}, {"tenant": "a:b"}])
def test_a_mistake_in_a_query_is_named(operator: httpx.Client, query: dict[str, str]) -> None:
    """422."""
    assert operator.get("/security/keys", params=query).status_code == 422


def test_a_rotated_key_has_an_heir_and_an_end(server: Server, operator: httpx.Client) -> None:
    """Both open during the overlap; without one the old key ends at once, with the same rights for the new one."""
    old = made(operator, roles=["analyst"])
    both = operator.post(f"/security/keys/{old['id']}/rotate", json={"overlap": 60}).json()
    assert [status(server, each) for each in (old["key"], both["key"])] == [200, 200]
    assert (both["roles"], both["replaces"]) == (["analyst"], old["id"])
    assert both["replaced_expires_at"] == pytest.approx(time.time() + 60, abs=30)
    one = operator.post(f"/security/keys/{both['id']}/rotate", json={"overlap": 0}).json()
    assert [status(server, each) for each in (both["key"], one["key"])] == [401, 200]


def test_a_revoked_key_opens_nothing_and_stays_so(server: Server, operator: httpx.Client) -> None:
    """At once on this replica; it can be revoked again, and neither rotated nor brought back."""
    fresh = made(operator)
    for _ in range(2):
        assert operator.delete(f"/security/keys/{fresh['id']}").json()["revoked_at"] is not None
    assert status(server, fresh["key"]) == 401
    assert operator.post(f"/security/keys/{fresh['id']}/rotate", json={}).status_code == 422


def test_an_administrator_of_a_tenant_has_that_tenants_keys(server: Server, operator: httpx.Client) -> None:
    """Those of others are as unknown as those that do not exist; the operator has all."""
    admin = made(operator, tenant="acme", roles=["admin"])
    foreign = made(operator, tenant="other")
    with server.client(key=admin["key"]) as client:
        own = made(client, roles=["admin"])
        assert own["tenant"] == "acme"
        assert {each["tenant"] for each in client.get("/security/keys").json()["keys"]} == {"acme"}
        for key_id in (foreign["id"], "nonesuchhere"):
            answers = client.delete(f"/security/keys/{key_id}"), client.post(f"/security/keys/{key_id}/rotate", json={})
            assert [answer.status_code for answer in answers] == [404, 404]
            assert {answer.json()["detail"].partition(". ")[0] for answer in answers} == {"There is no such API key"}
        assert client.get("/security/keys", params={"tenant": "other"}).status_code == 403
        assert client.post("/security/keys", json={"name": "n", "tenant": "other"}).status_code == 403
    assert status(server, foreign["key"]) == 200
    assert operator.delete(f"/security/keys/{foreign['id']}").status_code == 200


def test_others_do_not_manage_keys(server: Server, operator: httpx.Client) -> None:
    """403, whether the key exists or not: nobody learns which do."""
    fresh = made(operator, roles=["developer"])
    with server.client(key=fresh["key"]) as client:
        answers = [
            client.get("/security/keys"),
            client.post("/security/keys", json={"name": "n"}),
            *(client.delete(f"/security/keys/{key_id}") for key_id in (fresh["id"], "nonesuchhere")),
            client.post(f"/security/keys/{fresh['id']}/rotate", json={}),
        ]
    assert [answer.status_code for answer in answers] == [403] * 5


def test_nobody_gives_more_than_they_have(server: Server, operator: httpx.Client) -> None:
    """Who manages keys without being an administrator can neither make nor take over an administrator's."""
    manager = made(operator, roles=["analyst"], permissions=["key"], attributes={"clearance_level": 1})
    admin = made(operator, roles=["admin"])
    with server.client(key=manager["key"]) as client:
        assert made(client, roles=["analyst"], permissions=["key:read"])["roles"] == ["analyst"]
        for more in ({"roles": ["admin"]}, {"permissions": ["*"]}, {"attributes": {"clearance_level": 2}}):
            answer = client.post("/security/keys", json={"name": "n", "roles": ["analyst"], **more})
            assert answer.status_code == 403, more
        assert client.post(f"/security/keys/{admin['id']}/rotate", json={}).status_code == 403


def test_a_key_for_everything_makes_no_administrator(server: Server, operator: httpx.Client) -> None:
    """It runs no house, so it must not make itself a key that does, nor take over one, nor raise a clearance."""
    everything, admin = made(operator, permissions=["*"]), made(operator, roles=["admin"])
    with server.client(key=everything["key"]) as client:
        for more in ({"roles": ["admin"]}, {"permissions": ["*"], "attributes": {"clearance_level": 2}}):
            assert client.post("/security/keys", json={"name": "n", **more}).status_code == 403, more
        assert client.post(f"/security/keys/{admin['id']}/rotate", json={}).status_code == 403
        assert made(client, permissions=["*"])["permissions"] == ["*"]


def test_who_manages_their_own_keys_makes_them_for_nobody_else(server: Server, operator: httpx.Client) -> None:
    """`key:manage:own`: a key in another's name would reach what is that one's own."""
    mine = made(operator, user_id="ada", roles=["user"], permissions=["key:manage:own"])
    others = made(operator, user_id="bob", roles=["user"])
    with server.client(key=mine["key"]) as client:
        second = made(client, user_id="ada", roles=["user"])
        assert client.delete(f"/security/keys/{second['id']}").status_code == 200
        answers = [
            client.post("/security/keys", json={"name": "n", "user_id": "bob"}),
            client.post("/security/keys", json={"name": "ada"} | {"user_id": "admin"}),
            client.post(f"/security/keys/{others['id']}/rotate", json={}),
            client.delete(f"/security/keys/{others['id']}"),
        ]
    assert [answer.status_code for answer in answers] == [403] * 4


def test_the_command_lists_rotates_and_revokes(server: Server) -> None:
    """A running server refuses what was revoked beside it within a second; no list has a secret in it."""
    key = server.bullpen("keys", "create", "nightly", "--role", "analyst").stdout.strip()
    key_id = key.split("_")[1]
    heir = server.bullpen("keys", "rotate", key_id, "--hours", "1").stdout.strip()
    assert [status(server, each) for each in (key, heir)] == [200, 200]
    lines = server.bullpen("keys", "list", "--json").stdout.splitlines()
    [entry] = [each for each in map(json.loads, lines) if each["id"] == key_id]
    assert (entry["name"], entry["state"], entry["secret"]) == ("nightly", "usable", "current")
    plain = server.bullpen("keys", "list").stdout
    assert key_id in plain
    assert not [each for each in (key, heir) if each in plain or each.rpartition("_")[2] in plain]
    assert server.bullpen("keys", "revoke", key_id).returncode == 0
    assert refused_within_a_second(server, key)
    assert status(server, heir) == 200


@pytest.mark.parametrize("command", ["rotate", "revoke"])
def test_a_command_for_a_key_that_is_not_there(server: Server, command: str) -> None:
    """One line, and exit code 1."""
    done = server.bullpen("keys", command, "nonesuchhere")
    assert (done.returncode, done.stdout) == (1, "bullpen: There is no such API key. List those there are.\n")


def test_the_first_key_of_a_cluster(tmp_path: Path) -> None:
    """A key the operator has put into a file is an administrator's on an address others can reach, at every start."""
    key = ApiKey.generate().text
    file = tmp_path / "admin-key"
    file.write_text(f"{key}\n")
    settings = {
        "API_SECRET_KEY": token_hex(32),
        "BOOTSTRAP_ADMIN_KEY_FILE": str(file),
        "MODEL_NAME": "offline",
    }
    server = Server(tmp_path, settings=settings, host="0.0.0.0")
    for _ in range(2):
        with server:
            assert status(server, key, "/security/keys") == 200
    assert not (tmp_path / ".bullpen" / "api-key").exists()


@pytest.mark.parametrize("content", [None, "nonsense"])
def test_a_first_key_that_is_none_stops_the_start(tmp_path: Path, content: str | None) -> None:
    """The line names the file and does not repeat it."""
    file = tmp_path / "admin-key"
    if content:
        file.write_text(content)
    settings = {"BOOTSTRAP_ADMIN_KEY_FILE": str(file), "MODEL_NAME": "offline"}
    done = bullpen("serve", "--port", "0", folder=tmp_path, settings=settings)
    assert (done.returncode, str(file) in done.stdout, "Traceback" in done.stdout) == (2, True, False)
    assert "nonsense" not in done.stdout


def test_the_key_is_kept_nowhere_in_the_clear(server: Server, key: str) -> None:
    """What is stored cannot be shown as a credential."""
    data = server.folder / ".bullpen"
    stored = b"".join(file.read_bytes() for file in data.rglob("*") if file.is_file() and file.name != "api-key")
    assert key.encode() not in stored
    assert key.rpartition("_")[2].encode() not in stored
