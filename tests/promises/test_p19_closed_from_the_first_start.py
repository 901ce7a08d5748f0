"""P19: there is no way to start open to the network without a key (agno #10051)."""

from pathlib import Path

import pytest

from tests.stubs.serving import Server, bullpen


@pytest.mark.parametrize(
    ("host", "settings"),
    [
        ("0.0.0.0", {}),
        ("0.0.0.0", {"MODEL_NAME": "offline", "API_SECRET_KEY": ""}),
        ("::", {"MODEL_NAME": "offline"}),
    ],
)
def test_p19_no_start_without_a_secret(tmp_path: Path, host: str, settings: dict[str, str]) -> None:
    """On an address others can reach a server refuses to start, and names all that it lacks."""
    done = bullpen("serve", "--host", host, "--port", "0", folder=tmp_path, settings=settings)
    assert done.returncode == 2, done.stdout
    assert "Traceback" not in done.stdout
    assert "API_SECRET_KEY" in done.stdout
    assert ("MODEL_NAME" in done.stdout) == (not settings)


def test_p19_every_route_wants_a_credential(server: Server) -> None:
    """Each operation of the contract answers 401 to a stranger, but for the four health routes."""
    with server.client() as known, server.client(key="") as stranger:
        paths = known.get("/openapi.json").json()["paths"]
        answers = {
            path: stranger.request(method, path.replace("{", "").replace("}", "")).status_code
            for path, operations in paths.items()
            for method in operations
        }
    opened = {path for path, status in answers.items() if status != 401}
    assert opened == {"/health", "/health/live", "/health/ready", "/ready"}


def test_p19_a_key_is_made_that_nobody_else_can_read(server: Server) -> None:
    """The first start makes a key of its own; two servers never have the same."""
    file = server.folder / ".bullpen" / "api-key"
    assert file.stat().st_mode & 0o077 == 0
    assert len(server.api_key) >= 32
