"""What a record says of itself."""

from dataclasses import replace

from bullpen.security.authentication.ports import KeyRecord

RECORD = KeyRecord(id="a" * 12, digest=b"secret-digest", name="n", user_id="u", tenant="t", created_at=0.0)


def test_a_key_is_usable_until_it_expires() -> None:
    """At the very second of `expires_at` it no longer is."""
    record = replace(RECORD, expires_at=10.0)
    assert [record.usable(at=9.9), record.usable(at=10.0)] == [True, False]
    assert RECORD.usable(at=1e12)


def test_a_revoked_key_is_never_usable() -> None:
    """Not even when its revocation lies ahead: clocks differ."""
    assert not replace(RECORD, revoked_at=50.0).usable(at=1.0)


def test_a_digest_is_not_shown_by_accident() -> None:
    """A record in a log line has no digest."""
    assert "secret-digest" not in repr(RECORD)
