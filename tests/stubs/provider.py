"""The process of the stub model provider: two wires on one port, and what controls it on another.

By hand it is `python -m tests.stubs.provider`, which prints `{"port": ..., "control": ...}` on its first line.
"""

import argparse
import asyncio
import json
import socket
import sys
import time
from functools import partial
from typing import Any, Final

from aiohttp import web

from tests.stubs import anthropic_wire, openai_wire
from tests.stubs.behaviour import Script, Wire, script
from tests.stubs.faults import Faults
from tests.stubs.ledger import Call, Ledger

__all__ = ["application", "control"]

_FOREVER: Final = 3600.0
# Between two pieces, seconds. A flood would measure the machine: a chaos run has eighty such streams open at once, and
# at a hundred words a second from each, reading them takes all of a processor.
_ENDLESS_PAUSE: Final = 0.05
_WIRES: Final[dict[str, Wire]] = {"/v1/chat/completions": openai_wire, "/v1/messages": anthropic_wire}


def application(ledger: Ledger, faults: Faults) -> web.Application:
    """Both wires."""
    app = web.Application(client_max_size=64 * 1024 * 1024)
    for path, wire in _WIRES.items():
        app.router.add_post(path, partial(_complete, ledger=ledger, faults=faults, wire=wire))
    return app


async def _complete(request: web.Request, *, ledger: Ledger, faults: Faults, wire: Wire) -> web.StreamResponse:
    body = await request.json()
    headers = {name.lower(): value for name, value in request.headers.items()}
    call = Call(path=request.path, headers=headers, body=body, started_at=time.monotonic())
    with ledger.recording(call):
        played = script(wire, wire.read(body), faults.of(call.model))
        call.status = played.status
        return await _play(request, played)


async def _play(request: web.Request, script: Script) -> web.StreamResponse:
    await asyncio.sleep(script.delay if script.start else _FOREVER)
    response = web.StreamResponse(status=script.status, headers=script.headers)
    response.content_type = script.content_type
    if script.end == "close" and len(script.pieces) == 1:
        response.content_length = len(script.pieces[0])
    await response.prepare(request)
    for piece in script.pieces:
        await response.write(piece)
    await _end(request, response, script)
    return response


async def _end(request: web.Request, response: web.StreamResponse, script: Script) -> None:
    if script.end == "stall":
        await asyncio.sleep(_FOREVER)
    while script.end == "endless":
        await response.write(script.pieces[-1])
        await asyncio.sleep(_ENDLESS_PAUSE)
    if script.end == "hangup" and request.transport is not None:
        request.transport.close()


def control(ledger: Ledger, faults: Faults, door: "_Door") -> web.Application:
    """What a test asks and tells."""

    async def calls(_: web.Request) -> web.Response:
        return web.json_response(ledger.dump())

    async def counts(_: web.Request) -> web.Response:
        return web.json_response(ledger.counts())

    async def wait(request: web.Request) -> web.Response:
        query: Any = request.query
        within = float(query["within"])
        return web.json_response(await ledger.wait(count=int(query["count"]), stage=query["stage"], within=within))

    async def break_down(request: web.Request) -> web.Response:
        faults.put(await request.json())
        return web.Response(status=204)

    async def vanish(_: web.Request) -> web.Response:
        door.close()
        return web.Response(status=204)

    async def appear(_: web.Request) -> web.Response:
        await door.open()
        return web.Response(status=204)

    async def reset(_: web.Request) -> web.Response:
        ledger.reset()
        return web.Response(status=204)

    async def mend(request: web.Request) -> web.Response:
        faults.mend(request.query["model"])
        return web.Response(status=204)

    app = web.Application()
    app.router.add_routes(
        [
            web.get("/control/calls", calls),
            web.delete("/control/calls", reset),
            web.get("/control/counts", counts),
            web.get("/control/wait", wait),
            web.put("/control/fault", break_down),
            web.delete("/control/fault", mend),
            web.put("/control/listener", appear),
            web.delete("/control/listener", vanish),
        ]
    )
    return app


class _Door:
    """The port of the wires, which can be closed and opened again."""

    def __init__(self, runner: web.AppRunner, port: int) -> None:
        self._runner = runner
        # Bound and never listening, it keeps the port ours while the door is closed.
        self._place = socket.socket()
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._place.bind(("127.0.0.1", port))
        self.port: int = self._place.getsockname()[1]
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        if self._server is None:
            assert self._runner.server is not None
            make, loop = self._runner.server, asyncio.get_running_loop()
            self._server = await loop.create_server(make, "127.0.0.1", self.port, backlog=1024)

    def close(self) -> None:
        if self._server is None or self._runner.server is None:
            return
        self._server.close()
        self._server = None
        for connection in self._runner.server.connections:
            if connection.transport is not None:
                connection.transport.abort()


async def _serve(*, port: int, until_stdin_closes: bool) -> None:
    ledger, faults = Ledger(), Faults()
    # A hang-up reaches the handler as a cancellation, which is how it is timed.
    wires = web.AppRunner(application(ledger, faults), handler_cancellation=True, access_log=None)
    await wires.setup()
    door = _Door(wires, port)
    await door.open()
    controls = web.AppRunner(control(ledger, faults, door), access_log=None)
    await controls.setup()
    await web.TCPSite(controls, "127.0.0.1", 0).start()
    ports = {"port": door.port, "control": controls.addresses[0][1]}
    print(json.dumps(ports), flush=True)  # noqa: T201  # the first line is the interface
    if until_stdin_closes:
        await _stdin_closed()
    else:
        await asyncio.sleep(float("inf"))
    door.close()
    await controls.cleanup()
    await wires.cleanup()


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
