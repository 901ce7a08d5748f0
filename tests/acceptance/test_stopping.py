"""Stopping and starting again: what is running finishes, what was kept is there."""

import signal
import socket
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.stubs.catalogue import write_catalogue
from tests.stubs.events import events_of
from tests.stubs.serving import Server
from tests.stubs.upstream import Upstream

SLOW = {"agent_type": "openai_slow_300ms", "task": "Take your time."}


@pytest.fixture
def own_server(tmp_path: Path, stub_settings: dict[str, str], upstream: Upstream) -> Iterator[Server]:
    """A server that this test may stop."""
    settings = {**stub_settings, "CONFIG_DIR": str(write_catalogue(tmp_path)), "SHUTDOWN_GRACE": "3"}
    with Server(tmp_path, settings=settings) as server:
        yield server


def test_a_running_request_finishes(own_server: Server, upstream: Upstream) -> None:
    """SIGTERM while runs and streams are under way: all are answered, and the server exits with 0."""

    def ask(client: httpx.Client, accept: str) -> httpx.Response:
        return client.post("/agent/execute", json=SLOW, headers={"Accept": accept})

    with own_server.client() as client, ThreadPoolExecutor(10) as threads:
        kinds = ["application/json", "text/event-stream"] * 5
        running = [threads.submit(ask, client, accept) for accept in kinds]
        upstream.wait(count=10)
        own_server.ask_to_stop()
        answers = [each.result() for each in running]
    assert [answer.status_code for answer in answers] == [200] * 10
    assert [answer.headers["Content-Type"].partition(";")[0] for answer in answers] == kinds
    assert all('"success":true' in answer.text for answer in answers)
    assert own_server.stop() == 0


def test_a_probe_is_told_that_the_server_drains(own_server: Server, upstream: Upstream) -> None:
    """On a connection that is open still: no more work, please, though all is well.

    The probe stands behind a run that takes two of the three seconds of grace, on the same connection.
    """
    body = b'{"agent_type": "narrow", "task": "Hello", "timeout": 2}'
    head = f"Host: x\r\nX-API-Key: {own_server.api_key}\r\nContent-Type: application/json\r\n"
    run = f"POST /agent/execute HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    with socket.create_connection(("127.0.0.1", own_server.port), timeout=10) as connection:
        connection.sendall(run + b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n")
        upstream.wait()
        own_server.ask_to_stop()
        said = b"".join(iter(lambda: connection.recv(65536), b""))
    assert [answer[:3] for answer in said.split(b"HTTP/1.1 ")[1:]] == [b"504", b"503"]
    assert own_server.stop() == 0


def test_connections_are_taken_until_the_delay_is_over(
    tmp_path: Path, stub_settings: dict[str, str], upstream: Upstream
) -> None:
    """For DRAIN_DELAY a server that is not ready any more answers whoever comes, and says that it closes."""
    settings = {**stub_settings, "CONFIG_DIR": str(write_catalogue(tmp_path)), "DRAIN_DELAY": "600"}
    with Server(tmp_path, settings=settings) as server:
        server.ask_to_stop()
        with server.client() as client:
            while (ready := client.get("/ready")).status_code == 200:
                pass
            answer = client.post("/agent/execute", json={"agent_type": "openai_stub", "task": "Hello"})
        assert (ready.status_code, ready.json()["draining"], answer.status_code) == (503, True, 200)
        assert answer.headers["Connection"] == "close"
        assert server.stop() == 0


def test_what_never_ends_is_given_up(own_server: Server, upstream: Upstream) -> None:
    """After SHUTDOWN_GRACE a run is answered by 503, and a stream ends in an `error` event.

    A body that does not come is not waited for. The server hangs up on the model, exits with 0, and logs no traceback.
    """
    run = {"agent_type": "narrow", "task": "Hello"}
    stream = {"agent_type": "openai_stall_midstream", "task": "Hello"}
    events = {"Accept": "text/event-stream"}
    with own_server.client() as client, ThreadPoolExecutor(1) as threads, _half_a_body(own_server) as slow:
        running = threads.submit(client.post, "/agent/execute", json=run)
        with client.stream("POST", "/agent/execute", json=stream, headers=events) as response:
            upstream.wait(count=2)
            own_server.ask_to_stop()
            last = list(events_of(response))[-1]
        assert (last.name, last.data["status"], last.data["retry_after"]) == ("error", 503, 1)
        assert running.result().status_code == 503
        assert b"".join(iter(lambda: slow.recv(65536), b"")).startswith(b"HTTP/1.1 503")
    upstream.wait(stage="disconnected", count=2)
    assert own_server.stop() == 0
    assert "Traceback" not in own_server.output()


def _half_a_body(server: Server) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    head = f"Host: x\r\nX-API-Key: {server.api_key}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    connection.sendall(f"POST /agent/execute HTTP/1.1\r\n{head}{{".encode())
    return connection


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_grace(
    tmp_path: Path, stub_settings: dict[str, str], upstream: Upstream, second: signal.Signals
) -> None:
    """Whoever asks twice does not wait for the runs: they are answered with 503 at once."""
    settings = {**stub_settings, "CONFIG_DIR": str(write_catalogue(tmp_path)), "SHUTDOWN_GRACE": "600"}
    with Server(tmp_path, settings=settings) as server, server.client() as client, ThreadPoolExecutor(1) as threads:
        running = threads.submit(client.post, "/agent/execute", json={"agent_type": "narrow", "task": "Hello"})
        upstream.wait()
        server.ask_to_stop()
        _until_it_refuses(server)
        assert server.stop(second) == 0
        answer = running.result()
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    upstream.wait(stage="disconnected")


def test_a_tool_that_never_returns_does_not_keep_the_server(
    tmp_path: Path, stub_settings: dict[str, str], upstream: Upstream
) -> None:
    """Its run ends with its deadline; its thread, which nothing can end, does not outlive the process."""
    stuck = {"type": "stuck", "model": "openai:stub-tools", "tools": ["stuck"]}
    tools = {"stuck": {"function": "own_code:stuck"}}
    settings = {**stub_settings, "CONFIG_DIR": str(write_catalogue(tmp_path, agents=[stuck], tools=tools))}
    with (tmp_path / "own_code.py").open("a") as code:
        code.write('\n\ndef stuck() -> str:\n    """Never returns."""\n    time.sleep(3600)\n    return ""\n')
    with Server(tmp_path, settings=settings) as server:
        with server.client() as client:
            asked = {"agent_type": "stuck", "task": "Hello", "timeout": 1}
            assert client.post("/agent/execute", json=asked).status_code == 504
        assert server.stop() == 0


def test_a_second_start_keeps_its_data(own_server: Server) -> None:
    """The key made at the first start still opens the door after the second, and only its owner can read it.

    SIGTERM and Ctrl-C are both a success, and a server that was scraped leaves no thread behind.
    """
    first = own_server.api_key
    file = own_server.folder / ".bullpen" / "api-key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert own_server.stop(signal.SIGTERM) == 0
    own_server.start()
    assert own_server.api_key == first
    with own_server.client() as client:
        assert client.get("/agents").status_code == 200
        assert client.get("/metrics").status_code == 200
    assert own_server.stop(signal.SIGINT) == 0
    assert "threads_left_behind" not in own_server.output()


def _until_it_refuses(server: Server) -> None:
    """Waits until the server, asked to stop, takes no connections any more."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            httpx.get(f"{server.url}/ready")
        except httpx.TransportError:
            return
    raise AssertionError("the server goes on taking connections")
