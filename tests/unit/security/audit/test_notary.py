"""Signatures under the ends of chains."""

from typing import Any

import pytest

from bullpen.security.audit.notary import Checkpoint, Notary

SECRET = "s" * 32
OLD = "o" * 32


def checkpoint(notary: Notary) -> Checkpoint:
    return notary.sign("acme", 1000, "a" * 64, at=1.5, kind="mark")


def test_a_notary_knows_its_own_signature() -> None:
    """Whoever has the same secret recognises the checkpoint, in another process too."""
    assert Notary(SECRET).genuine(checkpoint(Notary(SECRET)))


@pytest.mark.parametrize(
    "changed",
    [
        {"tenant": "other"},
        {"number": 2000},
        {"hash": "b" * 64},
        {"at": 2.5},
        {"kind": "stub"},
        {"key_id": Notary(OLD).key_id},
        {"signature": ""},
        {"signature": "no hex"},
        {"signature": "00" * 64},
    ],
)
def test_every_field_is_signed(changed: dict[str, Any]) -> None:
    """A checkpoint with anything changed is not genuine; a mark is not a stub."""
    notary = Notary(SECRET, previous=[OLD])
    assert not notary.genuine(checkpoint(notary)._replace(**changed))


def test_a_checkpoint_outlives_a_change_of_the_secret_once() -> None:
    """What the previous secret signed is recognised; what an unknown one signed is not."""
    old = checkpoint(Notary(OLD))
    renewed = Notary(OLD)
    renewed.use(SECRET, previous=[OLD])
    assert renewed.genuine(old)
    assert renewed.genuine(checkpoint(renewed))
    assert renewed.knows(old)
    assert not Notary(SECRET).knows(old)
    assert not Notary(SECRET).genuine(old)


def test_the_secret_is_not_the_key() -> None:
    """The key is derived for this purpose, and its name tells nothing of the secret."""
    assert SECRET.encode().hex() not in repr(vars(Notary(SECRET)))
    assert len(Notary(SECRET).key_id) == 16
    assert Notary(SECRET).key_id != Notary(OLD).key_id
