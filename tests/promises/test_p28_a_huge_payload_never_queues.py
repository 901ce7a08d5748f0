"""P28: a huge payload is refused at the door, and never queued (pydantic-ai PR #7157)."""

from tests.stubs.serving import Server
from tests.stubs.upstream import Upstream

HUGE = {"agent_type": "general", "task": "x" * (1024 * 1024)}


def test_p28_refused_at_the_door(server: Server, upstream: Upstream) -> None:
    """413, no lane is taken, no model is asked; the next request is served as if nothing had been."""
    with server.client() as client:
        before = client.get("/pool/stats").json()["total_tasks_processed"]
        assert client.post("/agent/execute", json=HUGE).status_code == 413
        assert client.post("/agent/batch", json={"requests": [HUGE]}).status_code == 413
        assert client.get("/pool/stats").json()["total_tasks_processed"] == before
        assert upstream.calls() == []
        assert client.post("/agent/execute", json=HUGE | {"task": "Hello"}).status_code == 200


def test_p28_a_stranger_is_not_read_either(server: Server) -> None:
    """Without a credential a huge body is refused as well, one way or the other."""
    with server.client(key="") as client:
        assert client.post("/agent/execute", json=HUGE).status_code in {401, 413}
