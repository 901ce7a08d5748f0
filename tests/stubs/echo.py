"""A model provider that refuses every call and repeats in its refusal whatever it was sent, the key included."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

__all__ = ["echoing"]


@contextmanager
def echoing() -> Iterator[str]:
    """Its address, while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Echo(BaseHTTPRequestHandler):
    """Answers 401 with all headers of the request, in body and header."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        told = json.dumps({"error": {"message": str(self.headers), "type": "invalid_request_error"}}).encode()
        self.send_response(401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(told)))
        self.send_header("X-You-Sent", self.headers.get("authorization", "nothing"))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the library's signature
        """Says nothing."""
