"""`bullpen serve --workers N`: kept running, replaced one by one, and never left behind."""

import signal
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import orjson
import pytest

from tests.stubs.catalogue import write_catalogue
from tests.stubs.serving import Server, bullpen
from tests.stubs.upstream import Upstream
from tests.stubs.workers import logged, until, workers_of

HELLO = {"agent_type": "openai_stub", "task": "Hello"}


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory, stub_settings: dict[str, str]) -> Iterator[Server]:
    """A server of two workers; each test leaves it as it was."""
    folder: Path = tmp_path_factory.mktemp("crowd")
    # What a killed supervisor leaves behind must lie where it is cleared away.
    own = {"CONFIG_DIR": str(write_catalogue(folder)), "SHUTDOWN_GRACE": "2", "TMPDIR": str(folder)}
    with Server(folder, settings={**stub_settings, **own}, arguments=["--workers", "2"]) as server:
        until(lambda: len(logged(server, "serving")) == 2)
        yield server


def asked(server: Server) -> httpx.Response:
    with server.client(headers={"Connection": "close"}) as client:
        return client.post("/agent/execute", json=HELLO)


def test_a_replacement_that_cannot_start_replaces_nobody(crowd: Server, upstream: Upstream) -> None:
    """SIGHUP with a broken catalogue: the old workers stay and answer, and the log says so."""
    before = {each.pid for each in workers_of(crowd)}
    broken = crowd.folder / "config" / "agents" / "broken.yaml"
    broken.write_text("type: [")
    crowd.ask_to_stop(by=signal.SIGHUP)
    until(lambda: bool(logged(crowd, "worker_not_replaced")))
    broken.unlink()
    until(lambda: len(workers_of(crowd)) == 2)
    assert {each.pid for each in workers_of(crowd)} == before
    assert asked(crowd).status_code == 200
    assert broken.name in crowd.output()


def test_workers_that_die_are_replaced_and_their_events_are_kept(crowd: Server, upstream: Upstream) -> None:
    """After kill -9 of all at once as many start, and all that was answered is audited.

    The start says what is divided.
    """
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: asked(crowd), range(40)))
    starts = len(logged(crowd, "serving"))
    doomed = workers_of(crowd)
    for each in doomed:
        each.send_signal(signal.SIGKILL)
    until(lambda: len(logged(crowd, "serving")) == starts + 2)
    answers.append(asked(crowd))
    assert logged(crowd, "supervising")[0]["limits"] == "divided by 2"
    assert {each.pid for each in doomed} <= {each["pid"] for each in logged(crowd, "worker_ended")}
    assert {each["worker"] for each in logged(crowd, "serving")[-2:]} == {1, 2}
    assert [each.status_code for each in answers] == [200] * 41
    until(lambda: not _missing(crowd, answers), within=30)


def _missing(server: Server, answers: Sequence[httpx.Response]) -> set[str]:
    """The requests that are not in the audit trail yet."""
    with server.client(headers={"Connection": "close"}) as client:
        trail = client.get("/audit/export").text
    return {each.headers["X-Request-ID"] for each in answers if each.headers["X-Request-ID"] not in trail}


def test_no_worker_outlives_its_supervisor(crowd: Server, upstream: Upstream) -> None:
    """After kill -9 of the supervisor its workers drain and end, and a hang-up reached the model before as ever."""
    body = orjson.dumps({"agent_type": "narrow", "task": "Never mind."})
    head = f"POST /agent/execute HTTP/1.1\r\nHost: x\r\nX-API-Key: {crowd.api_key}\r\n"
    with socket.create_connection(("127.0.0.1", crowd.port), timeout=10) as connection:
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall((head + kind).encode() + body)
        upstream.wait()
    upstream.wait(stage="disconnected", within=2)
    workers = workers_of(crowd)
    crowd.stop(signal.SIGKILL)
    until(lambda: not any(each.is_running() for each in workers), within=20)
    crowd.start()


def test_a_wrong_configuration_is_said_once(tmp_path: Path) -> None:
    """What the first worker says ends the start: once, and with the code of something the operator must change."""
    config = write_catalogue(tmp_path)
    (config / "agents" / "broken.yaml").write_text("type: [")
    run = bullpen("serve", "--port", "0", "--workers", "3", folder=tmp_path, settings={"CONFIG_DIR": str(config)})
    assert run.returncode == 2
    assert run.stdout.count("broken.yaml") == 1
    assert run.stdout.count("the configuration is wrong") == 1
