"""API keys that can be rotated, and sessions.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("api_keys") as api_keys:
        api_keys.add_column(sa.Column("pepper", sa.String(8), nullable=False, server_default=sa.text("''")))
        api_keys.add_column(sa.Column("created_by", sa.String(256), nullable=False, server_default=sa.text("''")))
        api_keys.add_column(sa.Column("last_used_at", sa.Double(), nullable=True))
        api_keys.add_column(sa.Column("replaced_by", sa.String(12), nullable=False, server_default=sa.text("''")))
        api_keys.add_column(sa.Column("revision", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table(
        "token_families",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("key_id", sa.String(12), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("revocation", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_token_families"),
    )
    op.create_index("ix_token_families_expires_at", "token_families", ["expires_at"])
    op.create_index("ix_token_families_revocation", "token_families", ["revocation"])
    op.create_table(
        "refresh_tokens",
        sa.Column("id", sa.String(12), nullable=False),
        sa.Column("family", sa.String(32), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("pepper", sa.String(8), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("spent_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_refresh_tokens"),
    )
    op.create_index("ix_refresh_tokens_expires_at", "refresh_tokens", ["expires_at"])
    op.create_table(
        "identity_counters",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_identity_counters"),
    )


def downgrade() -> None:
    op.drop_table("identity_counters")
    op.drop_table("refresh_tokens")
    op.drop_table("token_families")
    with op.batch_alter_table("api_keys") as api_keys:
        for name in ("revision", "replaced_by", "last_used_at", "created_by", "pepper"):
            api_keys.drop_column(name)
