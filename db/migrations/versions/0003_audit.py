"""The audit trail: chains, personal values, heads, checkpoints and chores.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_rows",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("credential", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "number", name="pk_audit_rows"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_audit_rows_id", "audit_rows", ["id"], unique=True)
    op.create_index("ix_audit_rows_tenant_type_number", "audit_rows", ["tenant", "type", "number"])
    op.create_table(
        "audit_personal",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("role", sa.String(8), nullable=False),
        sa.Column("person", sa.String(128), nullable=False),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "number", "role", name="pk_audit_personal"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_audit_personal_tenant_person_number", "audit_personal", ["tenant", "person", "number"])
    op.create_table(
        "audit_heads",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("signed_number", sa.BigInteger(), nullable=False),
        sa.Column("signed_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name="pk_audit_heads"),
    )
    op.create_table(
        "audit_checkpoints",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("signature", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "number", name="pk_audit_checkpoints"),
    )
    op.create_table(
        "audit_chores",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("claimed_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_audit_chores"),
    )


def downgrade() -> None:
    for table in ("audit_chores", "audit_checkpoints", "audit_heads", "audit_personal", "audit_rows"):
        op.drop_table(table)
