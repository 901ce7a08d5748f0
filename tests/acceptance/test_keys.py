"""`bullpen keys create`: keys for others than the administrator."""

import pytest

from tests.stubs.serving import Server


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


def test_the_key_is_kept_nowhere_in_the_clear(server: Server, key: str) -> None:
    """What is stored cannot be shown as a credential."""
    data = server.folder / ".bullpen"
    stored = b"".join(file.read_bytes() for file in data.iterdir() if file.name != "api-key")
    assert key.encode() not in stored
    assert key.rpartition("_")[2].encode() not in stored
