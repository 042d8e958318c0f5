"""Delta sources: where each stands, and the pauses of their apps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "graph_state",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("rounds", sa.BigInteger(), nullable=False),
        sa.Column("obtained_at", INSTANT),
        sa.Column("sealed_at", INSTANT),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("source", name="pk_graph_state"),
    )
    op.create_table(
        "graph_pause",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("scope", name="pk_graph_pause"),
    )


def downgrade() -> None:
    """The ledger is never taken back: restore a backup."""
    raise NotImplementedError
