"""A way to a PostgreSQL that can be cut, and fall silent."""

import socket
from contextlib import suppress
from threading import Event, Thread
from typing import Self

from sqlalchemy.engine import URL, make_url

__all__ = ["Cable"]


class Cable:
    """Listens on a port of its own and carries everything on. `url` leads through it.

    In threads: an asyncio server that is closed just as it accepts a connection leaves that one open.
    """

    def __init__(self, target: str) -> None:
        self._target = make_url(target)
        self._speaking = Event()
        self._ends: list[socket.socket] = []
        self._threads: list[Thread] = []
        self._port = 0

    @property
    def url(self) -> str:
        target: URL = self._target.set(host="127.0.0.1", port=self._port, query={})
        return target.render_as_string(hide_password=False)

    def __enter__(self) -> Self:
        self.plug()
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()

    def plug(self) -> None:
        self._speaking.set()
        listener = socket.create_server(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        self._ends = [listener]
        self._begin(Thread(target=self._accept, args=(listener,)))

    def unplug(self) -> None:
        """Nothing listens any more, and connections are broken."""
        self._speaking.set()
        while self._threads:
            for end in tuple(self._ends):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            self._threads.pop(0).join()
        for end in self._ends:
            end.close()
        self._ends = []

    def hush(self) -> None:
        """It still accepts, and hands nothing on."""
        self._speaking.clear()

    def _begin(self, thread: Thread) -> None:
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = self._reach()
                self._ends += (near, far)
                self._begin(Thread(target=self._carry, args=(near, far)))
                self._begin(Thread(target=self._carry, args=(far, near)))

    def _reach(self) -> socket.socket:
        host, port = self._target.host, self._target.port or 5432
        folder = host or self._target.query.get("host")
        if isinstance(folder, str) and folder.startswith("/"):
            far = socket.socket(socket.AF_UNIX)
            far.connect(f"{folder}/.s.PGSQL.{port}")
            return far
        return socket.create_connection((host or "127.0.0.1", port))

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while part := source.recv(65_536):
                self._speaking.wait()
                target.sendall(part)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)
