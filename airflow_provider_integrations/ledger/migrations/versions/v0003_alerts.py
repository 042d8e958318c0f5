"""Alerts: who is to be told what, and that it is over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "alert",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("alert", sa.JSON(), nullable=False),
        sa.Column("raised_at", INSTANT, nullable=False),
        sa.Column("told_at", INSTANT),
        sa.Column("over_at", INSTANT),
        sa.Column("resolved_at", INSTANT),
        sa.Column("begun", sa.Integer(), nullable=False),
        sa.Column("claim_owner", sa.Text()),
        sa.Column("claim_token", sa.BigInteger(), nullable=False),
        sa.Column("claim_expires_at", INSTANT),
        sa.PrimaryKeyConstraint("number", name="pk_alert"),
        sa.UniqueConstraint("key", name="uq_alert_key"),
    )
    op.create_index("ix_alert_kind_resolved_at", "alert", ["kind", "resolved_at"])


def downgrade() -> None:
    """The ledger is never taken back: restore a backup."""
    raise NotImplementedError
