"""The first tables, and the triggers that keep history and audit trail append-only.

What is written here stays as it is: later changes are later migrations, so this file knows nothing of `tables.py`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
APPEND_ONLY = ("audit", "watermark_event", "work_item_event")


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "audit",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
    )
    op.create_index("ix_audit_subject_number", "audit", ["subject", "number"])
    op.create_table(
        "expected_delivery",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("source", name="pk_expected_delivery"),
    )
    op.create_table(
        "watermark",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("source", name="pk_watermark"),
    )
    op.create_table(
        "watermark_event",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("old_position", sa.Text()),
        sa.Column("new_position", sa.Text(), nullable=False),
        sa.Column("who", sa.Text()),
        sa.Column("why", sa.Text()),
        sa.PrimaryKeyConstraint("number", name="pk_watermark_event"),
    )
    op.create_index("ix_watermark_event_source_number", "watermark_event", ["source", "number"])
    op.create_table(
        "work_item",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("discovered_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("sequence", sa.BigInteger()),
        sa.Column("original_kept", sa.Boolean(), nullable=False),
        sa.Column("replay_of", sa.Text()),
        sa.Column("replay_request", sa.Text()),
        sa.Column("disposed_at", INSTANT),
        sa.Column("claim_owner", sa.Text()),
        sa.Column("claim_token", sa.BigInteger(), nullable=False),
        sa.Column("claim_expires_at", INSTANT),
        sa.ForeignKeyConstraint(["replay_of"], ["work_item.id"], name="fk_work_item_replay_of"),
        sa.PrimaryKeyConstraint("number", name="pk_work_item"),
        sa.UniqueConstraint("id", name="uq_work_item_id"),
        sa.UniqueConstraint("replay_of", "replay_request", name="uq_work_item_replay_of_replay_request"),
        sa.UniqueConstraint("source", "path", "generation", name="uq_work_item_source_path_generation"),
    )
    op.create_index("ix_work_item_queue", "work_item", ["source", "state", "attempts", "number"])
    op.create_index("ix_work_item_source_business_date", "work_item", ["source", "business_date"])
    op.create_index("ix_work_item_source_sequence", "work_item", ["source", "sequence"])
    op.create_table(
        "batch",
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["work_item.id"], name="fk_batch_item_id"),
        sa.PrimaryKeyConstraint("batch_id", name="pk_batch"),
    )
    op.create_index("ix_batch_item_id", "batch", ["item_id"])
    op.create_index("ix_batch_source_version", "batch", ["source", "version"])
    op.create_table(
        "digest",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("registered_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["work_item.id"], name="fk_digest_item_id"),
        sa.PrimaryKeyConstraint("number", name="pk_digest"),
        sa.UniqueConstraint("source", "kind", "sha256", name="uq_digest_source_kind_sha256"),
    )
    op.create_index("ix_digest_item_id", "digest", ["item_id"])
    op.create_table(
        "quality_result",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("suite", sa.Text(), nullable=False),
        sa.Column("suite_digest", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("rows_failed", sa.BigInteger(), nullable=False),
        sa.Column("expectations", sa.JSON(), nullable=False),
        sa.Column("docs", sa.Text()),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["work_item.id"], name="fk_quality_result_item_id"),
        sa.PrimaryKeyConstraint("number", name="pk_quality_result"),
    )
    op.create_index("ix_quality_result_item_id_number", "quality_result", ["item_id", "number"])
    op.create_table(
        "work_item_event",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("old_state", sa.Text()),
        sa.Column("new_state", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text()),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["work_item.id"], name="fk_work_item_event_item_id"),
        sa.PrimaryKeyConstraint("number", name="pk_work_item_event"),
    )
    op.create_index("ix_work_item_event_item_id_number", "work_item_event", ["item_id", "number"])
    _forbid_changes()


def downgrade() -> None:
    """The ledger is never taken back: restore a backup."""
    raise NotImplementedError


def _forbid_changes() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in APPEND_ONLY:
            for verb in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
                )
        return
    op.execute(
        "CREATE FUNCTION integrations_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION integrations_append_only()"
        )
