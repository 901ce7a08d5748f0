"""P30: every 429 carries Retry-After, and the fields that say how the limits stand (agno's agents router)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stubs import tokens
from tests.stubs.catalogue import write_catalogue
from tests.stubs.serving import Server

LIMITS = "levels: {user: {rate: 2, per: 3600, burst: 2}, address: {rate: 100, per: 3600, burst: 50}}"


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, stub_settings: dict[str, str]) -> Iterator[Server]:
    """A server that lets every user in twice."""
    folder: Path = tmp_path_factory.mktemp("strict")
    config = write_catalogue(folder)
    (config / "limits.yaml").write_text(LIMITS)
    settings = {**stub_settings, "CONFIG_DIR": str(config), "API_SECRET_KEY": tokens.SECRET}
    with Server(folder, settings=settings) as server:
        yield server


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/agents", None),
        ("POST", "/agent/execute", {"agent_type": "general", "task": "Hello"}),
        ("POST", "/agent/batch", {"requests": [{"agent_type": "general", "task": "Hello"}]}),
    ],
)
def test_p30_too_many_requests(strict: Server, method: str, path: str, body: object) -> None:
    """Whatever is asked for: the third answer says how long to wait, the first two how much is left."""
    user = f"user-{method}-{path.replace('/', '-')}"
    headers = {"Authorization": f"Bearer {tokens.token(user_id=user)}"}
    with strict.client(key="", headers=headers) as client:
        first, second = client.get("/agents"), client.get("/agents")
        refused = client.request(method, path, json=body)
    assert [first.status_code, second.status_code] == [200, 200]
    assert '"user";r=1;' in first.headers["RateLimit"]
    assert '"user";r=0;' in second.headers["RateLimit"]
    assert refused.status_code == 429, refused.text
    assert 1700 < int(refused.headers["Retry-After"]) <= 1800
    assert refused.headers["RateLimit-Policy"].startswith('"user";q=2;w=3600;bullpen-burst=2')
    assert '"user";r=0;t=1' in refused.headers["RateLimit"]
    assert refused.json()["retry_after"] > 1700


def test_p30_too_many_guesses(strict: Server) -> None:
    """Eleven wrong keys in a row: whoever goes on is told to wait, and the owner of a good one is not."""
    with strict.client(key="bp_0000000000000000_wrong-in-every-way-there-is") as client:
        answers = [client.get("/agents") for _ in range(13)]
    assert [answer.status_code for answer in answers[:10]] == [401] * 10
    assert answers[-1].status_code == 429, answers[-1].text
    assert int(answers[-1].headers["Retry-After"]) >= 1
    with strict.client() as client:
        assert client.get("/agents").status_code == 200
