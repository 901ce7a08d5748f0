"""P18: readiness does not lie, neither 200 with nothing to work with nor 503 for an optional part (litellm #34934)."""

import time
from pathlib import Path

import httpx

from tests.stubs.cabled import cabled_server
from tests.stubs.ports import free_port
from tests.stubs.serving import Server, bullpen


def ready(server: Server) -> httpx.Response:
    return httpx.get(f"{server.url}/health/ready", timeout=5)


def test_p18_an_optional_part_that_is_away_is_told_and_takes_nobody_out(tmp_path: Path) -> None:
    """200 and `degraded`, with which part it is, and that it is optional."""
    with Server(tmp_path, settings={"REDIS_URL": f"redis://127.0.0.1:{free_port()}"}) as server:
        answer = ready(server)
    assert (answer.status_code, answer.json()["status"], answer.json()["ready"]) == (200, "degraded", True)
    told = {name: (each["status"], each["required"]) for name, each in answer.json()["dependencies"].items()}
    assert told == {"database": ("up", True), "redis": ("down", False)}


def test_p18_a_required_part_that_is_away_is_not_ready(tmp_path: Path, postgres_url: str) -> None:
    """In doubt at first, and ready; then 503 with when to ask again, in a few seconds; ready when it is back."""
    with cabled_server(tmp_path, postgres_url=postgres_url) as (server, cable):
        cable.unplug()
        began = time.monotonic()
        told = [ready(server)]
        while told[-1].status_code == 200:
            told.append(ready(server))
            assert time.monotonic() - began < 20
        cable.plug()
        states = {(each.status_code, each.json()["dependencies"]["database"]["status"]) for each in told}
        assert {(200, "failing"), (503, "down")} <= states
        assert {each.json()["status"] for each in told if each.status_code == 503} == {"down"}
        assert told[-1].headers["Retry-After"] == "1"
        assert told[-1].json()["dependencies"]["database"]["failures"] == 3
        while ready(server).status_code != 200:
            assert time.monotonic() - began < 20


def test_p18_without_a_configuration_nothing_is_ready(tmp_path: Path) -> None:
    """The server does not begin to listen: there is no 200 to be had of it."""
    done = bullpen("serve", "--port", "0", folder=tmp_path, settings={"CONFIG_DIR": str(tmp_path / "nowhere")})
    assert done.returncode == 2
    assert '"serving"' not in done.stdout
