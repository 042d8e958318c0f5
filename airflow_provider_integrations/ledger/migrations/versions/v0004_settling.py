"""EDI: debts of ours that a person settled, and documents by what they were sent for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the index."""
    op.add_column("interchange_received", sa.Column("settled_at", sa.DateTime(timezone=True)))
    op.create_index("ix_interchange_sent_purpose", "interchange_sent", ["purpose"])


def downgrade() -> None:
    """The ledger is never taken back: restore a backup."""
    raise NotImplementedError
