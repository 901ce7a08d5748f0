"""The audit trail of a real server."""

import httpx

from tests.stubs.serving import Server

TASK = "Whisper the canary 7f3a"


def test_what_was_just_done_is_in_the_log(client: httpx.Client) -> None:
    """With who, from where and how it ended, and without a word of the task."""
    request_id = client.post("/agent/execute", json={"agent_type": "general", "task": TASK}).headers["X-Request-ID"]
    answer = client.get("/audit/log", params={"event_type": "agent_execution"})
    row = next(row for row in answer.json()["audit_log"] if row["request_id"] == request_id)
    assert (row["user_id"], row["outcome"], row["ip_address"]) == ("admin", "success", "127.0.0.1")
    assert row["details"]["task_length"] == len(TASK)
    assert row["credential"].startswith("api_key:")
    assert "canary" not in answer.text


def test_users_see_their_own(server: Server, client: httpx.Client) -> None:
    """Whomever they ask for; the chain as a whole is not theirs to verify."""
    key = server.bullpen("keys", "create", "reader", "--user", "rita").stdout.split()[-1]
    with server.client(key=key) as rita:
        rita.get("/agents")
        rows = rita.get("/audit/log", params={"user_id": "admin"}).json()["audit_log"]
        refused = rita.get("/audit/verify")
    assert {row["user_id"] for row in rows} == {"rita"}
    assert refused.status_code == 403
    denied = client.get("/audit/log", params={"event_type": "authorization_denied", "user_id": "rita"}).json()
    assert denied["audit_log"][0]["request_id"] == refused.headers["X-Request-ID"]


def test_the_chain_verifies_over_http_and_by_the_command(server: Server, client: httpx.Client) -> None:
    """The same trail, from both doors."""
    found = client.get("/audit/verify").json()
    assert found["intact"], found
    done = server.bullpen("audit", "verify", "--tenant", "default")
    assert done.returncode == 0, done.stdout
    assert "default: whole" in done.stdout
