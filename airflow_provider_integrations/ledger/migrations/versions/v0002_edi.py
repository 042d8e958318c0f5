"""EDI: control numbers, interchanges received and sent, acknowledgements, and their history."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
PAIR = ("syntax", "ours", "partner", "usage")
APPEND_ONLY = ("acknowledgement", "control_number", "interchange_event")


def upgrade() -> None:
    """Create the five tables."""
    op.create_table(
        "control_number",
        sa.Column("number", NUMBER, nullable=False),
        *_pair(),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text()),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_control_number"),
        sa.UniqueConstraint(*PAIR, "level", "purpose", name="uq_control_number_purpose"),
    )
    op.create_index("ix_control_number_line", "control_number", [*PAIR, "level", "number"])
    op.create_table(
        "interchange_received",
        sa.Column("number", NUMBER, nullable=False),
        *_pair(),
        sa.Column("control", sa.Text(), nullable=False),
        sa.Column("control_value", sa.BigInteger()),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("duplicate_of", sa.BigInteger()),
        sa.Column("answer_due_at", INSTANT),
        sa.Column("answered_at", INSTANT),
        sa.Column("answer", sa.Text()),
        sa.ForeignKeyConstraint(["item_id"], ["work_item.id"], name="fk_interchange_received_item_id"),
        sa.ForeignKeyConstraint(
            ["duplicate_of"], ["interchange_received.number"], name="fk_interchange_received_duplicate_of"
        ),
        sa.PrimaryKeyConstraint("number", name="pk_interchange_received"),
        sa.UniqueConstraint("item_id", "place", name="uq_interchange_received_item_id_place"),
    )
    op.create_index("ix_interchange_received_control", "interchange_received", [*PAIR, "control", "received_at"])
    op.create_index("ix_interchange_received_owed", "interchange_received", ["answered_at", "answer_due_at"])
    op.create_table(
        "interchange_sent",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("interchange", sa.BigInteger()),
        *_pair(),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("control", sa.Text(), nullable=False),
        sa.Column("functional", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("sent_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT),
        sa.Column("settled_at", INSTANT),
        sa.ForeignKeyConstraint(["interchange"], ["interchange_sent.number"], name="fk_interchange_sent_interchange"),
        sa.PrimaryKeyConstraint("number", name="pk_interchange_sent"),
        sa.UniqueConstraint(*PAIR, "level", "purpose", "control", name="uq_interchange_sent_purpose"),
    )
    op.create_index("ix_interchange_sent_control", "interchange_sent", [*PAIR, "level", "control"])
    op.create_index("ix_interchange_sent_interchange", "interchange_sent", ["interchange"])
    op.create_index("ix_interchange_sent_status_due_at", "interchange_sent", ["status", "due_at"])
    op.create_table(
        "acknowledgement",
        sa.Column("number", NUMBER, nullable=False),
        *_pair(),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("control", sa.Text(), nullable=False),
        sa.Column("functional", sa.Text(), nullable=False),
        sa.Column("within", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("codes", sa.JSON(), nullable=False),
        sa.Column("sets", sa.JSON(), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["work_item.id"], name="fk_acknowledgement_item_id"),
        sa.PrimaryKeyConstraint("number", name="pk_acknowledgement"),
        sa.UniqueConstraint("item_id", "place", name="uq_acknowledgement_item_id_place"),
    )
    op.create_index("ix_acknowledgement_control", "acknowledgement", [*PAIR, "level", "control"])
    op.create_table(
        "interchange_event",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("received_number", sa.BigInteger()),
        sa.Column("sent_number", sa.BigInteger()),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("old_status", sa.Text()),
        sa.Column("new_status", sa.Text(), nullable=False),
        sa.Column("acknowledgement_number", sa.BigInteger()),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["received_number"], ["interchange_received.number"], name="fk_interchange_event_received_number"
        ),
        sa.ForeignKeyConstraint(["sent_number"], ["interchange_sent.number"], name="fk_interchange_event_sent_number"),
        sa.ForeignKeyConstraint(
            ["acknowledgement_number"], ["acknowledgement.number"], name="fk_interchange_event_acknowledgement_number"
        ),
        sa.PrimaryKeyConstraint("number", name="pk_interchange_event"),
        sa.UniqueConstraint("acknowledgement_number", name="uq_interchange_event_acknowledgement_number"),
    )
    op.create_index("ix_interchange_event_received_number", "interchange_event", ["received_number", "number"])
    op.create_index("ix_interchange_event_sent_number", "interchange_event", ["sent_number", "number"])
    _forbid_changes()


def downgrade() -> None:
    """The ledger is never taken back: restore a backup."""
    raise NotImplementedError


def _pair() -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in PAIR]


def _forbid_changes() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in APPEND_ONLY:
            for verb in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
                )
        return
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION integrations_append_only()"
        )
