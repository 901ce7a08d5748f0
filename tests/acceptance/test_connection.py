"""What comes in that is hardly HTTP: answered as a problem or as any other request, and never fatal."""

import socket
from typing import Final

import httpx
import orjson
import pytest

from tests.stubs.serving import Server

BODY: Final = orjson.dumps({"agent_type": "general", "task": "Hello"})
OFFER: Final = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"


def post(server: Server, *, headers: str = "", body: bytes = BODY, length: str | None = None) -> bytes:
    head = (
        f"POST /agent/execute HTTP/1.1\r\nHost: x\r\nX-API-Key: {server.api_key}\r\n"
        f"Content-Type: application/json\r\n{headers}"
    )
    return f"{head}Content-Length: {length or len(body)}\r\n\r\n".encode() + body


def chunked(server: Server, body: bytes) -> bytes:
    return post(server, body=body).replace(b"Content-Length: %d" % len(body), b"Transfer-Encoding: chunked")


def said(server: Server, sent: bytes, *, answers: int = 1) -> bytes:
    """What the server answers, until it closes or has answered so often."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(sent)
        received = b""
        while piece := connection.recv(65536):
            received += piece
            if received.count(b"HTTP/1.1 ") == answers and received.endswith((b"}", b"\n\n0\r\n\r\n")):
                break
    return received


def check_refusal(answer: bytes) -> None:
    """400 as a problem like any other, on a connection that closes."""
    head, _, body = answer.partition(b"\r\n\r\n")
    headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    problem = orjson.loads(body)
    assert head.startswith(b"HTTP/1.1 400 ")
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"connection"] == b"close"
    assert headers[b"x-request-id"].decode() == problem["request_id"]
    assert problem["type"] == "urn:bullpen:error:refused"


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /health HTTP/3.7\r\n\r\n",
        b"get /health HTTP/1.1\r\n\r\n",
        b"GET /agents/\xff HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /health HTTP/1.1\r\nX-Request-ID: a\r\n b\r\n\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n",
    ],
)
def test_what_is_not_http(server: Server, sent: bytes) -> None:
    """TLS, HTTP/2, broken heads and folded headers."""
    check_refusal(said(server, sent))


@pytest.mark.parametrize(
    ("headers", "length"),
    [("", "5"), ("", "-5"), ("", "0x24"), ("Content-Length: 3\r\n", None), ("Transfer-Encoding: chunked\r\n", None)],
)
def test_a_length_that_lies(server: Server, headers: str, length: str | None) -> None:
    """Two lengths, a wrong one, or none that is a number: the ways requests are smuggled."""
    check_refusal(said(server, post(server, headers=headers, length=length)))


def test_a_length_of_thousands_of_digits(server: Server) -> None:
    """HTTP allows zeros in front of one; it is refused as too large, and is no defect of ours."""
    assert said(server, post(server, body=b"", length="0" * 4400)).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("body", [b"zz\r\n{}\r\n0\r\n\r\n", b"-5\r\n{}\r\n0\r\n\r\n", b"f" * 17 + b"\r\n{}"])
def test_a_chunk_that_is_none(server: Server, body: bytes) -> None:
    """A body whose chunks have no size, or an impossible one."""
    check_refusal(said(server, chunked(server, body)))


@pytest.mark.parametrize("piece", [b"X-A: " + b"a" * 1_000_000, b"X-A: a\r\n" * 100_000])
def test_a_head_without_end(server: Server, piece: bytes) -> None:
    """It is refused long before it fills the memory, with or without a credential."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"GET /agents HTTP/1.1\r\nHost: x\r\n")
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            connection.sendall(piece * 50)


def test_an_offer_to_upgrade_is_ignored(server: Server) -> None:
    """HTTP/2 offered over HTTP/1.1, as Java's client does: the request is answered, body and all."""
    answer = said(server, post(server, headers=OFFER) * 3, answers=3)
    assert answer.count(b"HTTP/1.1 200 ") == 3


def test_an_offer_in_pieces(server: Server) -> None:
    """The same, when the body comes later than the head."""
    sent = post(server, headers=OFFER)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        for start in range(0, len(sent), 50):
            connection.sendall(sent[start : start + 50])
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_a_websocket_is_an_ordinary_request(server: Server) -> None:
    """There are no WebSockets here; the path is answered as if none had been asked for."""
    handshake = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n"
    answer = said(server, f"GET /agents HTTP/1.1\r\nHost: x\r\n{handshake}\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 401 ")


def test_a_tunnel_is_not_opened(server: Server, client: httpx.Client) -> None:
    """CONNECT to one of our paths is 405, and the server goes on."""
    answer = said(server, b"CONNECT /health HTTP/1.1\r\nHost: x\r\n\r\n" + b"tunnelled" * 10)
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert client.get("/health").status_code == 200


def test_requests_sent_ahead_are_answered_in_order(server: Server) -> None:
    """Pipelining: three requests at once, three answers in their order."""
    sent = post(server) + post(server, body=b"{}") + b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = said(server, sent, answers=3)
    statuses = [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"422", b"404"]
