"""A stub model provider in a process of its own, speaking OpenAI's and Anthropic's wire formats.

`tests.stubs.behaviour` says which model id does what. A test uses `Upstream`; by hand it is
`python -m tests.stubs.upstream --port 0`, which prints `{"port": ...}` on its first line.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

import httpx
from aiohttp import web

from tests.stubs import anthropic_wire, openai_wire
from tests.stubs.behaviour import Script, Wire, script
from tests.stubs.ledger import Call, Ledger, Stage

__all__ = ["Upstream", "application"]

_ROOT: Final = Path(__file__).parents[2]
_FOREVER: Final = 3600.0
_WIRES: Final[dict[str, Wire]] = {"/v1/chat/completions": openai_wire, "/v1/messages": anthropic_wire}


class Upstream:
    """A running stub provider. Use it as a context manager, or `start` and `stop` it.

    Attributes:
        url: Its address; OpenAI's base URL is `openai_url`, Anthropic's is `anthropic_url`.
    """

    def __init__(self) -> None:
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._control = httpx.Client(timeout=60)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def openai_url(self) -> str:
        return f"{self.url}/v1"

    @property
    def anthropic_url(self) -> str:
        return self.url

    def start(self) -> None:
        """Starts the process and waits for its port. It ends by itself should this process die."""
        command = [sys.executable, "-m", "tests.stubs.upstream", "--port", "0", "--until-stdin-closes"]
        self._process = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{json.loads(self._process.stdout.readline())['port']}"

    def stop(self) -> None:
        self._control.close()
        if self._process is not None:
            self._process.terminate()
            self._process.communicate(timeout=10)

    def calls(self) -> list[Call]:
        """Every model call since the last reset, in order of arrival."""
        return [Call(**call) for call in self._control.get(f"{self.url}/control/calls").json()]

    def wait(self, *, count: int = 1, stage: Stage = "arrived", within: float = 10.0) -> list[Call]:
        """All calls, once `count` of them have reached `stage`; fails when they have not in time (seconds)."""
        params: dict[str, Any] = {"count": count, "stage": stage, "within": within}
        reached = self._control.get(f"{self.url}/control/wait", params=params).json()
        calls = self.calls()
        assert reached, f"{count} calls should have {stage} within {within} s; there are {calls}"
        return calls

    def reset(self) -> None:
        """Forgets every call."""
        self._control.delete(f"{self.url}/control/calls").raise_for_status()


def application() -> web.Application:
    """Both wires and the control routes, as an aiohttp application."""
    ledger = Ledger()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    for path, wire in _WIRES.items():
        app.router.add_post(path, partial(_complete, ledger=ledger, wire=wire))
    app.router.add_get("/control/calls", partial(_calls, ledger=ledger))
    app.router.add_delete("/control/calls", partial(_reset, ledger=ledger))
    app.router.add_get("/control/wait", partial(_wait, ledger=ledger))
    return app


async def _complete(request: web.Request, *, ledger: Ledger, wire: Wire) -> web.StreamResponse:
    body = await request.json()
    headers = {name.lower(): value for name, value in request.headers.items()}
    call = Call(path=request.path, headers=headers, body=body, started_at=time.monotonic())
    with ledger.recording(call):
        return await _play(request, script(wire, wire.read(body)))


async def _play(request: web.Request, script: Script) -> web.StreamResponse:
    await asyncio.sleep(script.delay if script.start else _FOREVER)
    response = web.StreamResponse(status=script.status, headers=script.headers)
    response.content_type = script.content_type
    if script.end == "close" and len(script.pieces) == 1:
        response.content_length = len(script.pieces[0])
    await response.prepare(request)
    for piece in script.pieces:
        await response.write(piece)
    if script.end == "stall":
        await asyncio.sleep(_FOREVER)
    if script.end == "hangup" and request.transport is not None:
        request.transport.close()
    return response


async def _calls(_: web.Request, *, ledger: Ledger) -> web.Response:
    return web.json_response(ledger.dump())


async def _reset(_: web.Request, *, ledger: Ledger) -> web.Response:
    ledger.reset()
    return web.Response(status=204)


async def _wait(request: web.Request, *, ledger: Ledger) -> web.Response:
    query: Any = request.query
    within = float(query["within"])
    return web.json_response(await ledger.wait(count=int(query["count"]), stage=query["stage"], within=within))


async def _serve(*, port: int, until_stdin_closes: bool) -> None:
    # A hang-up reaches the handler as a cancellation, which is how it is timed.
    runner = web.AppRunner(application(), handler_cancellation=True, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)  # noqa: T201  # the first line is the interface
    if until_stdin_closes:
        await _stdin_closed()
    else:
        await asyncio.sleep(float("inf"))
    await runner.cleanup()


async def _stdin_closed() -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input does")
    asyncio.run(_serve(**vars(parser.parse_args())))


if __name__ == "__main__":
    _main()
