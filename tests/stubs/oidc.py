"""An identity provider on this machine: discovery, a JWKS with keys that rotate, and tokens signed with them."""

import gzip
import json
import threading
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Literal, Self, TypeAlias

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

__all__ = ["AUDIENCE", "Mood", "Oidc", "pem"]

AUDIENCE: Final = "https://bullpen.example"
Mood: TypeAlias = Literal["up", "down", "error", "moved", "slow", "garbage", "empty", "huge", "packed"]
_Private: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_JWKS: Final = "/keys"
_STATUS: Final = {"error": 503, "moved": 302}


class Oidc:
    """A running provider. Use it as a context manager.

    Attributes:
        issuer: Its name, and its address.
        jwks_url: Where its keys are.
        mood: How it answers the next request for its keys; `slow` answers when `hurry` is set.
        asked: How often its keys were asked for.
        extra: Further entries of its JWKS, whatever they are.
    """

    def __init__(self) -> None:
        self.mood: Mood = "up"
        self.asked = 0
        self.hurry = threading.Event()
        self.extra: list[Any] = []
        self._signers: dict[str, tuple[str, _Private]] = {}
        self._told: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        self.jwks_url = f"{self.issuer}{_JWKS}"
        self.add("rsa-0")
        self.add("ec-0", algorithm="ES256")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hurry.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def add(self, kid: str, *, algorithm: str = "RS256") -> None:
        """Makes a key, and tells it from now on."""
        self._signers[kid] = (algorithm, _private(kid, algorithm))
        self._told.append(kid)

    def withdraw(self, kid: str) -> None:
        """Tells it no more; tokens can still be signed with it."""
        self._told.remove(kid)

    def token(self, kid: str = "rsa-0", *, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """A token for Ada, good for ten minutes, signed with that key; a change to None leaves that claim out."""
        now = int(time.time())
        made = {"iss": self.issuer, "aud": AUDIENCE, "sub": "ada", "iat": now, "exp": now + 600, **changes}
        claims = {name: value for name, value in made.items() if value is not None}
        algorithm, key = self._signers[kid]
        return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid, **(header or {})})

    def public(self, kid: str) -> dict[str, Any]:
        """A key as it is told."""
        algorithm, key = self._signers[kid]
        public = key.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            return {**RSAAlgorithm.to_jwk(public, as_dict=True), "kid": kid, "use": "sig"}
        return {**ECAlgorithm.to_jwk(public, as_dict=True), "kid": kid, "use": "sig", "alg": algorithm}

    def document(self) -> bytes:
        """Its JWKS."""
        return json.dumps({"keys": [*map(self.public, self._told), *self.extra]}).encode()

    def discovery(self) -> bytes:
        """Its OpenID configuration."""
        return json.dumps({"issuer": self.issuer, "jwks_uri": self.jwks_url}).encode()


def pem(jwk: dict[str, Any]) -> bytes:
    """A public RSA key in the form that an attacker would sign with."""
    key = jwt.PyJWK(jwk, "RS256").key
    return bytes(key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))


@cache
def _private(kid: str, algorithm: str) -> _Private:
    """The same key for the same name, for making one takes time."""
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=1024 if kid.startswith("short") else 2048)


def _handler(provider: Oidc) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.startswith(_JWKS):
                self._answer(provider.discovery())
                return
            provider.asked += 1
            if provider.mood == "slow":
                provider.hurry.wait(60)
            if provider.mood != "down":
                self._answer(_body(provider), status=_STATUS.get(provider.mood, 200) if self.path == _JWKS else 200)

        def _answer(self, body: bytes, *, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Location", f"{_JWKS}?moved")
            if provider.mood == "packed":
                self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                self.close_connection = True  # whoever asked has left

    return Handler


def _body(provider: Oidc) -> bytes:
    large = provider.document() + b" " * 300_000
    bodies = {
        "garbage": b"<html>",
        "empty": b'{"keys": []}',
        "huge": large,
        "packed": gzip.compress(provider.document()),
    }
    return bodies.get(provider.mood) or provider.document()
