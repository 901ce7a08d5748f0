"""Checkpoints: the end of a chain at a time, signed, so that who can write the tables cannot rewrite what is below."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, Literal, NamedTuple, TypeAlias

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

__all__ = ["Checkpoint", "CheckpointKind", "Notary"]

CheckpointKind: TypeAlias = Literal["mark", "tail", "stub"]

_SCHEME: Final = "bullpen checkpoint 1"
_PURPOSE: Final = b"bullpen: checkpoints of the audit trail"
_KEY_ID_LENGTH: Final = 16


class Checkpoint(NamedTuple):
    """What was signed of a chain.

    Attributes:
        tenant: Whose chain it is.
        number: The last row below it.
        hash: That row's.
        at: When it was signed, seconds since 1970.
        kind: `mark` after every so many rows; `tail` after some time, and replaced by the next; `stub` where rows up to
            this number were removed because their time was over.
        key_id: Names the public key.
        signature: Ed25519 (RFC 8032), in hexadecimal.
    """

    tenant: str
    number: int
    hash: str
    at: float
    kind: str
    key_id: str
    signature: str = ""


class Notary:
    """Signs checkpoints with a key derived from the server's secret (HKDF, RFC 5869), and knows its own signatures."""

    def __init__(self, secret: str, *, previous: Sequence[str] = ()) -> None:
        """Signs by `secret`; recognises what was signed by it or by one of the `previous` secrets."""
        self.use(secret, previous=previous)

    def use(self, secret: str, *, previous: Sequence[str] = ()) -> None:
        """Signs by this secret from now on."""
        self._key = _key_from(secret)
        self.key_id = _id_of(self._key)
        self._known = {_id_of(key): key.public_key() for key in (self._key, *map(_key_from, previous))}

    @property
    def older(self) -> frozenset[str]:
        """The names of the keys that are known and not signed by any more."""
        return frozenset(self._known) - {self.key_id}

    def renewed(self, checkpoint: Checkpoint) -> Checkpoint:
        """The same, signed by today's key."""
        unsigned = checkpoint._replace(key_id=self.key_id, signature="")
        return unsigned._replace(signature=self._key.sign(_message(unsigned)).hex())

    def sign(self, tenant: str, number: int, hashed: str, *, at: float, kind: CheckpointKind) -> Checkpoint:
        """The checkpoint below which everything up to the row `number` is bound."""
        return self.renewed(Checkpoint(tenant, number, hashed, at, kind, self.key_id))

    def knows(self, checkpoint: Checkpoint) -> bool:
        """Whether it was signed by a secret that is known here, going by what it says."""
        return checkpoint.key_id in self._known

    def genuine(self, checkpoint: Checkpoint) -> bool:
        """Whether it was signed by a known secret, and is as it was signed."""
        key = self._known.get(checkpoint.key_id)
        if key is None:
            return False
        try:
            key.verify(bytes.fromhex(checkpoint.signature), _message(checkpoint))
        except (InvalidSignature, ValueError):
            return False
        return True


def _key_from(secret: str) -> Ed25519PrivateKey:
    derived = HKDF(hashes.SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret.encode())
    return Ed25519PrivateKey.from_private_bytes(derived)


def _id_of(key: Ed25519PrivateKey) -> str:
    return sha256(key.public_key().public_bytes_raw()).hexdigest()[:_KEY_ID_LENGTH]


def _message(checkpoint: Checkpoint) -> bytes:
    return orjson.dumps((_SCHEME, *checkpoint[:-1]))
