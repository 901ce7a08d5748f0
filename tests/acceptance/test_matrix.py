"""Nobody gets in who should not: every route and everybody who might come, and what is recorded of who may not."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import httpx
import orjson
import pytest

from tests.stubs import tokens
from tests.stubs.catalogue import write_catalogue
from tests.stubs.people import ACME, Crowd, Row, crowd, made, newest, rows_of
from tests.stubs.serving import Server

Route: TypeAlias = tuple[str, str]
Cells: TypeAlias = dict[str, httpx.Response]

# What everybody is answered: strangers; people of `acme`; its administrator, another tenant's, and the operator. What
# is asked for belongs to `acme`, and where it is somebody's, to the user. A route without a row fails the build.
MATRIX_TABLE: Final = """
                                     nobody wrong user token neighbour analyst developer cleared admin outsider operator
POST   /agent/execute                 401    401  200   200     200      200      200      200    200     200      200
POST   /agent/batch                   401    401  200   200     200      200      200      200    200     200      200
GET    /agents                        401    401  200   200     200      200      200      200    200     200      200
GET    /agents/{agent_type}           401    401  200   200     200      200      200      200    200     200      200
GET    /pool/stats                    401    401  403   403     403      200      200      200    200     200      200
GET    /pool/breakers                 401    401  403   403     403      200      200      200    200     200      200
GET    /pool/scaling                  401    401  403   403     403      200      200      200    200     200      200
GET    /metrics                       401    401  403   403     403      403      403      403    200     200      200
GET    /openapi.json                  401    401  200   200     200      200      200      200    200     200      200
POST   /auth/token                    401    401  200   403     200      200      200      200    200     200      200
POST   /auth/refresh                  401    401  401   401     401      401      401      401    401     401      401
POST   /auth/revoke                   200    200  200   200     200      200      200      200    200     200      200
GET    /security/keys                 401    401  403   403     403      403      403      403    200     403      200
POST   /security/keys                 401    401  403   403     403      403      403      403    201     403      201
POST   /security/keys/{key_id}/rotate 401    401  403   403     403      403      403      403    201     404      201
DELETE /security/keys/{key_id}        401    401  403   403     403      403      403      403    200     404      200
GET    /security/status               401    401  403   403     403      403      403      403    200     200      200
GET    /audit/log                     401    401  200   200     200      200      200      200    200     404      404
GET    /audit/export                  401    401  200   200     200      200      200      200    200     404      404
GET    /audit/verify                  401    401  403   403     403      403      403      403    200     404      404
GET    /health                        200    200  200   200     200      200      200      200    200     200      200
GET    /health/live                   200    200  200   200     200      200      200      200    200     200      200
GET    /health/ready                  200    200  200   200     200      200      200      200    200     200      200
GET    /ready                         200    200  200   200     200      200      200      200    200     200      200
"""
# The same of an agent with each permission, to see it as to run it.
AGENTS_TABLE: Final = """
basic    agent:execute:basic          401    401  200   200     200      200      200      200    200     200      200
plain    agent:execute                401    401  403   403     403      200      200      200    200     200      200
advanced agent:execute:advanced       401    401  403   403     403      403      403      200    200     200      200
apart    agent:audition               401    401  403   403     403      403      403      403    200     200      200
"""
STRANGERS_CHAIN: Final = "401 401 403 403 403 403 403 403 403 403 200"

COLUMNS, *ROWS = map(str.split, MATRIX_TABLE.strip().splitlines())
MATRIX: Final = {(method, path): cells for method, path, *cells in ROWS}
AGENTS: Final = {name: cells for name, _, *cells in map(str.split, AGENTS_TABLE.strip().splitlines())}
PERMISSIONS: Final = dict(line.split()[:2] for line in AGENTS_TABLE.strip().splitlines())
IN_THE_BODY: Final = ("/auth/refresh", "/auth/revoke")
NO_TOKEN: Final = f"br_{'A' * 12}_{'0' * 64}"
NO_KEY: Final = "A" * 12
HOUSE: Final = "-"
LATELY: Final = 150  # rows: more than one row of the matrix leaves in any chain
ONE: Final = {"agent_type": "basic", "task": "Hello"}
ASKED: Final[Mapping[str, Mapping[str, Any]]] = {
    "/agent/execute": {"json": ONE},
    "/agent/batch": {"json": {"requests": [ONE]}},
    "/auth/refresh": {"json": {"refresh_token": NO_TOKEN}},
    "/auth/revoke": {"json": {"token": NO_TOKEN}},
    "/security/keys/{key_id}/rotate": {"json": {"overlap": 0}},
    **{path: {"params": {"tenant": ACME}} for path in ("/audit/log", "/audit/export", "/audit/verify")},
}
KEYS: Final[Mapping[str, Mapping[str, Any]]] = {
    "GET": {"params": {"tenant": ACME}},
    "POST": {"json": {"name": "another", "tenant": ACME}},
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with an agent of each permission."""
    folder = tmp_path_factory.mktemp("matrix")
    agents = [
        {"type": name, "model": "offline:offline", "permission": permission} for name, permission in PERMISSIONS.items()
    ]
    settings = {
        "MODEL_NAME": "offline",
        "API_SECRET_KEY": tokens.SECRET,
        "CONFIG_DIR": str(write_catalogue(folder, agents=agents, tools={})),
        "AUTH__GUESSES": "100000",
    }
    with Server(folder, settings=settings) as server:
        yield server


@pytest.fixture(scope="module")
def people(house: Server) -> Iterator[Crowd]:
    with crowd(house) as people:
        yield people


def statuses(cells: Cells) -> dict[str, int]:
    return {name: answer.status_code for name, answer in cells.items()}


def details(rows: list[Row]) -> list[tuple[Any, ...]]:
    """Rows without what tells them apart from the same of another request."""
    return [(row["event_type"], row["outcome"], row["route"], row["user_id"], row["details"]) for row in rows]


def told(answer: httpx.Response) -> tuple[int, bytes]:
    """The answer, byte for byte, without the id of its request."""
    return answer.status_code, answer.content.replace(answer.headers["X-Request-ID"].encode(), b"")


def request_of(people: Crowd, route: Route) -> dict[str, Any]:
    """What one of the cells asks for; each of those who may change a key has one of their own to change."""
    method, path = route
    asked = KEYS[method] if path == "/security/keys" else ASKED.get(path, {})
    key_id = made(people["admin"], user_id="user")["id"] if "{key_id}" in path else ""
    return {"method": method, "url": path.format(agent_type="basic", key_id=key_id), **asked}


def refusal(name: str, answer: httpx.Response, path: str) -> set[tuple[str, str]]:
    """What must be on record of an answer: the event, and in whose chain."""
    if answer.status_code < 400:
        return set()
    if path in IN_THE_BODY:
        return {("token_invalid", HOUSE)}
    if answer.status_code == 401:
        return {("credential_missing" if name == "nobody" else "api_key_auth_failed", HOUSE)}
    return {("authorization_denied", {"outsider": "rival", "operator": "default"}.get(name, ACME))}


def recorded(people: Crowd, cells: Cells) -> dict[str, set[tuple[str, str]]]:
    """What is on record of these answers as a refusal, in every chain there is."""
    readers = (("operator", HOUSE), ("operator", "default"), ("admin", ACME), ("outsider", "rival"))
    rows = [(row, chain) for name, chain in readers for row in newest(people[name], tenant=chain, limit=LATELY)]
    return {
        name: {
            (row["event_type"], chain)
            for row, chain in rows
            if row["outcome"] == "denied" and row["request_id"] == answer.headers["X-Request-ID"]
        }
        for name, answer in cells.items()
    }


def check(people: Crowd, cells: Cells, wanted: Sequence[str], *, path: str) -> None:
    """The answers are those of the table, and each refusal, and no other, is on record under its name."""
    assert statuses(cells) == dict(zip(COLUMNS, map(int, wanted), strict=True))
    refused = {name: refusal(name, answer, path) for name, answer in cells.items()}
    end = time.monotonic() + 30
    while (found := recorded(people, cells)) != refused and time.monotonic() < end:
        time.sleep(0.1)  # delivery is behind
    assert found == refused


def test_every_route_has_a_row(people: Crowd) -> None:
    """A new operation of the contract without a rule fails here, and so does a rule whose route is gone."""
    paths = people["operator"].get("/openapi.json").json()["paths"]
    assert {(method.upper(), path) for path, operations in paths.items() for method in operations} == set(MATRIX)


@pytest.mark.parametrize("route", MATRIX, ids=" ".join)
def test_the_matrix(people: Crowd, route: Route) -> None:
    """Every route for no credential, a wrong one, each role, another user, another tenant: one row, all columns."""
    cells = {name: people[name].request(**request_of(people, route)) for name in COLUMNS}
    check(people, cells, MATRIX[route], path=route[1])


@pytest.mark.parametrize("agent_type", AGENTS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_agents(people: Crowd, agent_type: str, method: str) -> None:
    """Each permission a catalogue entry can ask for, to see the agent as to run it."""
    asked: dict[str, Any] = {"url": f"/agents/{agent_type}"}
    if method == "POST":
        asked = {"url": "/agent/execute", "json": {**ONE, "agent_type": agent_type}}
    cells = {name: people[name].request(method, **asked) for name in COLUMNS}
    check(people, cells, AGENTS[agent_type], path=asked["url"])


def test_a_batch_and_a_list_open_no_other_agent(people: Crowd) -> None:
    """What may not be run alone is not run among others, and is not listed; it is on record."""
    items = [{**ONE, "agent_type": agent_type} for agent_type in AGENTS]
    for name, reach in (("user", 1), ("developer", 2), ("cleared", 3), ("admin", 4)):
        answer = people[name].post("/agent/batch", json={"requests": items})
        listed = [each["type"] for each in people[name].get("/agents").json()["agents"]]
        assert sorted(listed) == sorted(list(AGENTS)[:reach])
        assert [item.get("status", 200) for item in answer.json()["results"]] == [200] * reach + [403] * (4 - reach)
        kinds = [row["event_type"] for row in rows_of(people["admin"], answer, *["agent_execution"])]
        assert kinds.count("authorization_denied") == 4 - reach
        assert kinds.count("agent_execution") == reach


@pytest.mark.parametrize("header", ["X-API-Key", "Authorization"])
@pytest.mark.parametrize("wrong", ["x", "bp_", "a.b.c"])
def test_wrong_credentials_open_nothing(people: Crowd, header: str, wrong: str) -> None:
    """Whatever they look like, and in either header: 401, on every route that is not open."""
    shown = {header: f"Bearer {wrong}" if header == "Authorization" else wrong}
    for (method, path), cells in MATRIX.items():
        if cells[0] == "401":
            answer = people["nobody"].request(**request_of(people, (method, path)), headers=shown)
            assert answer.status_code == 401, path


@pytest.mark.parametrize("method", ["DELETE", "POST"])
@pytest.mark.parametrize("name", ["user", "token", "analyst", "developer", "outsider"])
def test_a_key_that_is_not_theirs_is_as_unknown_as_none(people: Crowd, name: str, method: str) -> None:
    """In the answer, and in what those who asked may read of it in the trail: nothing tells which keys there are."""
    owned = {"acme": people["admin"], "rival": people["outsider"]}
    tenants = ["rival", "acme"] if name != "outsider" else ["acme"]
    keys = [made(owned[tenant], user_id="neighbour")["id"] for tenant in tenants]
    asked: dict[str, Any] = {"json": {}} if method == "POST" else {}
    answers, traces = [], []
    for key_id in (*keys, NO_KEY):
        url = f"/security/keys/{key_id}" + ("/rotate" if method == "POST" else "")
        answer = people[name].request(method, url, **asked)
        rows = rows_of(people[name], answer, "authorization_denied")
        answers.append(told(answer))
        traces.append(str(details(rows)).replace(key_id, ""))
    assert answers[0][0] == (404 if name == "outsider" else 403)
    assert all(answer == answers[0] for answer in answers)
    assert len(set(traces)) == 1, traces


def test_a_key_in_the_place_of_its_id_is_not_written_down(people: Crowd) -> None:
    """Whoever mistakes the one for the other has lost neither."""
    fresh = made(people["admin"], user_id="user")["key"]
    answer = people["admin"].delete(f"/security/keys/{fresh}")
    assert answer.status_code == 404
    assert fresh.rpartition("_")[2] not in str(rows_of(people["admin"], answer, "authorization_denied"))


@pytest.mark.parametrize("path", ["/audit/log", "/audit/export", "/audit/verify"])
def test_a_chain_that_is_not_theirs_is_as_unknown_as_none(people: Crowd, path: str) -> None:
    """Also to the operator; and the chain of strangers is the operator's alone."""
    for name in ("outsider", "operator"):
        answers = [people[name].get(path, params={"tenant": tenant}) for tenant in (ACME, "nonesuch", "' OR '1'='1")]
        assert [answer.status_code for answer in answers] == [404, 404, 404]
        assert told(answers[0]) == told(answers[1]) == told(answers[2])
    cells = {name: people[name].get(path, params={"tenant": HOUSE}) for name in COLUMNS}
    check(people, cells, STRANGERS_CHAIN.split(), path=path)


def test_an_agent_that_is_not_there_is_named_by_nobody(people: Crowd) -> None:
    """A misspelt agent is answered with those the caller may use, and with no other."""
    answer = people["user"].get("/agents/advanced_")
    assert answer.status_code == 404
    assert [each for each in AGENTS if f"'{each}'" in answer.text or f"`{each}`" in answer.text] in (["basic"], [])


def test_a_role_gives_no_key_beyond_itself(people: Crowd) -> None:
    """A permission to manage keys is none to make an administrator; the attempt is on record."""
    manager = made(people["admin"], user_id="manager", roles=["user"], permissions=["key:manage"])
    for more in ({"roles": ["admin"]}, {"permissions": ["*"]}, {"attributes": {"clearance_level": 2}}):
        asked = {"name": "more", "roles": ["user"], **more}
        answer = people["nobody"].post("/security/keys", json=asked, headers={"X-API-Key": manager["key"]})
        assert answer.status_code == 403
        [denied] = [
            row
            for row in rows_of(people["admin"], answer, "authorization_denied")
            if row["event_type"] == "authorization_denied"
        ]
        assert (denied["user_id"], denied["details"]["fields"]) == ("manager", next(iter(more)))


QUERIES: Final[list[dict[str, Any]]] = [
    *({"user_id": each} for each in ("user", "neighbour", "admin", "*", "%", "user,neighbour", "' OR '1'='1")),
    *({"event_type": each} for each in ("agent_execution", "authorization_denied", "api_key_created")),
    {"tenant": ACME, "user_id": "neighbour", "event_type": "agent_execution", "limit": 500},
    {"limit": 500},
]


@pytest.mark.parametrize("name", ["user", "token", "analyst", "developer"])
def test_everybody_sees_their_own_rows(people: Crowd, name: str) -> None:
    """Another user's never (P20), whatever is asked for, page by page and in the export; and what they did is there."""
    for each in ("user", "neighbour", "analyst", "developer", "admin"):
        people[each].post("/agent/execute", json=ONE)
    own = {"token": "user"}.get(name, name)
    elsewhere = people["admin"].get("/audit/log", params={"limit": 1}).json()["next"]
    rows = [row for query in (*QUERIES, {"cursor": elsewhere}) for row in newest(people[name], **query)]
    exported = [
        orjson.loads(line)
        for query in QUERIES
        for line in people[name].get("/audit/export", params=without_limit(query)).text.splitlines()
    ]
    assert {row["user_id"] for row in rows} == {row["user_id"] for row in exported} == {own}
    assert {row["tenant"] for row in rows} == {row["tenant"] for row in exported} == {ACME}
    assert "agent_execution" in {row["event_type"] for row in rows}


def without_limit(query: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if name != "limit"}


def test_an_administrator_sees_their_tenant(people: Crowd) -> None:
    """All of it and nothing else, or what is about one user."""
    for name, tenant in (("admin", ACME), ("outsider", "rival"), ("operator", "default")):
        rows = newest(people[name])
        assert {row["tenant"] for row in rows} == {tenant}
    assert {"user", "neighbour", "admin"} <= {row["user_id"] for row in newest(people["admin"])}
    people["neighbour"].get("/agents")
    assert {
        row["user_id"] for row in newest(people["admin"], user_id="neighbour", event_type="authorization_success")
    } == {"neighbour"}
    assert newest(people["outsider"], user_id="analyst") == []


@pytest.mark.parametrize(
    "query", [{"tenant": ["acme", "rival"]}, {"user_id": ["user", "neighbour"]}, {"userid": "x"}, {"cursor": "1"}]
)
def test_a_question_with_a_mistake_is_not_guessed_at(people: Crowd, query: dict[str, Any]) -> None:
    """422: what is sent twice, unknown or forged is answered to nobody."""
    for name in ("user", "admin", "operator"):
        assert people[name].get("/audit/log", params=query).status_code == 422
