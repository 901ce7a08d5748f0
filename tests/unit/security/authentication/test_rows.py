"""Rows that somebody has edited."""

from typing import Any

import pytest

from bullpen.security.authentication.rows import read_key

ROW: dict[str, Any] = {
    "id": "a" * 12,
    "digest": b"d" * 32,
    "pepper": "",
    "name": "n",
    "user_id": "u",
    "tenant": "t",
    "roles": '["admin"]',
    "permissions": "[]",
    "attributes": '{"clearance_level": 2}',
    "created_at": 1,
    "created_by": "",
    "replaced_by": "",
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": 2.5,
}


def test_a_sound_row_is_read() -> None:
    """JSON is read, and a whole number is a time."""
    record = read_key(ROW)
    assert record is not None
    assert (record.roles, record.attributes, record.created_at) == (frozenset({"admin"}), {"clearance_level": 2}, 1.0)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("digest", b"short"),
        ("digest", "d" * 32),
        ("name", None),
        ("user_id", ""),
        ("tenant", "a:b"),
        ("roles", "admin"),
        ("roles", '"admin"'),
        ("roles", "[1]"),
        ("roles", None),
        ("permissions", "{}"),
        ("attributes", "[]"),
        ("attributes", '{"a": 1.5}'),
        ("attributes", '{"a": true}'),
        ("created_at", None),
        ("created_at", "today"),
        ("expires_at", "never"),
        ("expires_at", float("nan")),
        ("expires_at", 1e300),
        ("revoked_at", b""),
    ],
)
def test_anything_else_is_no_record(column: str, value: object) -> None:
    """A role that is no list is not the role `a`, `d`, `m`, `i` and `n`; a time that is none never expires."""
    assert read_key(ROW | {column: value}) is None
