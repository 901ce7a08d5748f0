"""The tables of the audit trail."""

from typing import Final

from sqlalchemy import BigInteger, Column, Double, Index, String, Table, Text

from bullpen.stores import metadata

__all__ = ["CHECKPOINTS", "CHORES", "HEADS", "PERSONAL", "ROWS"]

_HASH: Final = String(64)
_TENANT: Final = String(64)

# The columns are the fields of `Entry`, in their order. Without ids of its own, SQLite keeps the rows by their key.
ROWS: Final = Table(
    "audit_rows",
    metadata,
    Column("tenant", _TENANT, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("previous", _HASH, nullable=False),
    Column("id", String(64), nullable=False),
    Column("at", Double, nullable=False),
    Column("type", String(64), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("credential", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("actor", _HASH, nullable=False),
    Column("subject", _HASH, nullable=False),
    Column("hash", _HASH, nullable=False),
    Index("ix_audit_rows_id", "id", unique=True),
    Index("ix_audit_rows_tenant_type_number", "tenant", "type", "number"),
    sqlite_with_rowid=False,
)

# The columns are the fields of `Part`, in their order.
PERSONAL: Final = Table(
    "audit_personal",
    metadata,
    Column("tenant", _TENANT, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("role", String(8), primary_key=True),
    Column("person", String(128), nullable=False),
    Column("salt", String(32), nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_audit_personal_tenant_person_number", "tenant", "person", "number"),
    sqlite_with_rowid=False,
)

HEADS: Final = Table(
    "audit_heads",
    metadata,
    Column("tenant", _TENANT, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("hash", _HASH, nullable=False),
    Column("signed_number", BigInteger, nullable=False),
    Column("signed_at", Double, nullable=False),
)

# The columns are the fields of `Checkpoint`, in their order.
CHECKPOINTS: Final = Table(
    "audit_checkpoints",
    metadata,
    Column("tenant", _TENANT, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", _HASH, nullable=False),
    Column("at", Double, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("key_id", String(16), nullable=False),
    Column("signature", String(128), nullable=False),
)

CHORES: Final = Table(
    "audit_chores",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("claimed_at", Double, nullable=False),
)
