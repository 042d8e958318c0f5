"""Historians: how far reads are, and the gaps that were found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "historian_progress",
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("seconds_total", sa.Double(), nullable=False),
        sa.Column("seconds_done", sa.Double(), nullable=False),
        sa.Column("seconds_before", sa.Double(), nullable=False),
        sa.Column("samples", sa.BigInteger(), nullable=False),
        sa.Column("elapsed", sa.Double(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("item_id", name="pk_historian_progress"),
        sa.ForeignKeyConstraint(["item_id"], ["work_item.id"], name="fk_historian_progress_item_id"),
    )
    op.create_index("ix_historian_progress_source_run", "historian_progress", ["source", "run"])
    op.create_table(
        "historian_gap",
        sa.Column("number", NUMBER, autoincrement=True, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("begin_ns", sa.BigInteger(), nullable=False),
        sa.Column("end_ns", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("expected", sa.BigInteger()),
        sa.Column("found", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("tried_at", INSTANT),
        sa.Column("closed_at", INSTANT),
        sa.Column("closed_by", sa.Text()),
        sa.PrimaryKeyConstraint("number", name="pk_historian_gap"),
    )
    op.create_index("ix_historian_gap_source_closed_at", "historian_gap", ["source", "closed_at"])


def downgrade() -> None:
    """The ledger is never taken back: restore a backup."""
    raise NotImplementedError
