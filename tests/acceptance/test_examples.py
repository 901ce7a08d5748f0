"""What lies under examples/ works as it stands, against the real server."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import httpx
import pytest
from typer.testing import CliRunner, Result

from bullpen.cli.policy import app
from examples.clients.session import Session
from tests.stubs.serving import PROJECT, Server

EXAMPLES = PROJECT / "examples"
HOUR = 3600.0


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without limits that answers by itself."""
    folder: Path = tmp_path_factory.mktemp("examples")
    config = Path(copytree(PROJECT / "config", folder / "config"))
    (config / "limits.yaml").write_text("levels: {}\n")
    with Server(folder, settings={"CONFIG_DIR": str(config), "MODEL_NAME": "offline"}) as server:
        yield server


@pytest.mark.parametrize("name", ["execute.py", "stream.py", "session.py"])
def test_every_client_prints_the_answer(offline: Server, name: str) -> None:
    """Started as its first lines say, with the key by the environment."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / "clients" / name, "Say hello."],
        env={"BULLPEN_URL": offline.url, "BULLPEN_API_KEY": offline.api_key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "You asked: Say hello." in done.stdout


def test_a_client_whose_key_is_wrong_says_so(offline: Server) -> None:
    """By the server's own words, and with an exit code."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / "clients" / "session.py", "Say hello."],
        env={"BULLPEN_URL": offline.url, "BULLPEN_API_KEY": "bp_none_none"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("The credential is missing or not valid")


def test_a_session_is_refreshed_before_it_ends(offline: Server) -> None:
    """One exchange of the key, then a refresh for each request that comes near the end."""
    with httpx.Client(base_url=offline.url, auth=Session(offline.url, offline.api_key, early=2 * HOUR)) as client:
        shown = {client.get("/agents").raise_for_status().request.headers["Authorization"] for _ in range(3)}
        events = client.get("/audit/log", params={"limit": 100}).json()["audit_log"]

    assert len(shown) == 3
    assert sum(event["event_type"] == "token_refreshed" for event in events) >= 2


def test_a_session_that_was_ended_begins_anew_with_the_key(offline: Server) -> None:
    """Whoever ended it, the program goes on while its key is good."""
    with httpx.Client(base_url=offline.url, auth=Session(offline.url, offline.api_key)) as client:
        first = client.get("/agents").request.headers["Authorization"]
        client.post("/auth/revoke", json={"token": first.removeprefix("Bearer ")}).raise_for_status()
        again = client.get("/agents").raise_for_status().request.headers["Authorization"]

    assert again != first


def test_the_strict_policy_is_in_order() -> None:
    """It passes `bullpen policy check` with nothing to be warned of."""
    checked = policy("check")

    assert (checked.exit_code, checked.stderr) == (0, "")
    assert checked.stdout == "ok, 11 policies, roles admin, auditor, developer, analyst, scraper\n"


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        (["vera", "audit:read", "audit", "--role", "auditor"], True),
        (["ada", "audit:read", "audit", "--role", "admin"], False),
        (["ada", "key:manage", "key", "--role", "admin"], False),
        (["ada", "key:manage", "key", "--role", "admin", "--mfa"], True),
        (["ann", "agent:execute:advanced", "agent/coder", "--role", "developer"], False),
        (
            ["ann", "agent:execute:advanced", "agent/coder", "--role", "developer", "--attribute", "clearance_level=2"],
            True,
        ),
        (["ann", "data:read", "data/x", "--role", "analyst", "--attribute", "department=hr"], False),
        (
            ["ann", "data:read", "data/x", "--role", "analyst", "--attribute", "department=hr", "--department", "hr"],
            True,
        ),
        (["bob", "metrics:read", "house", "--permission", "metrics:read"], False),
    ],
)
def test_the_strict_policy_does_what_its_comments_say(words: list[str], allowed: bool) -> None:
    """Each of its rules decides a case."""
    explained = policy("explain", *words)

    assert explained.stdout.startswith("Allowed" if allowed else "Denied"), explained.stdout
    assert explained.exit_code == (0 if allowed else 1)


def policy(*words: str) -> Result:
    """`bullpen policy`, of the strict one, in this process."""
    return CliRunner().invoke(app, [*words, "--file", str(EXAMPLES / "policies" / "strict.cedar")])
