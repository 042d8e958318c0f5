"""The ledger's tables, as the code of today sees them; `migrations/` is how a database gets there.

The same definitions serve SQLite and PostgreSQL, so the column types hide the three differences that matter: SQLite
keeps no time zones, PostgreSQL keeps no NUL in text, and only one of them has `json`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

__all__ = [
    "APPEND_ONLY",
    "SCHEMA_VERSION",
    "VERSION_TABLE",
    "AnyText",
    "Instant",
    "audit",
    "batch",
    "digest",
    "expected_delivery",
    "metadata",
    "quality_result",
    "watermark",
    "watermark_event",
    "work_item",
    "work_item_event",
]

SCHEMA_VERSION = "0006"
"""The migration this code needs; a test compares it with the newest file in `migrations/versions`."""

VERSION_TABLE = "integrations_ledger_version"
"""Alembic's own table, under a name that does not meet Airflow's if both live in one database."""

APPEND_ONLY = ("audit", "watermark_event", "work_item_event")
"""Tables in which triggers refuse UPDATE and DELETE."""

_UNSTORABLE = re.compile("[\x00\x1b\ud800-\udfff]")
_ESCAPED = re.compile("\x1b([0-9a-f]{1,4});")


class Instant(TypeDecorator[datetime]):
    """An instant: aware in, UTC out, on both engines; a naive one is refused, since nobody knows what it means."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; SQLite gets it without the zone that it cannot keep."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive timestamp cannot go into the ledger")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Back to UTC, whatever the session's zone is."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class AnyText(TypeDecorator[str]):
    """Text of foreign origin, e.g. a path that a partner chose: holds also what databases refuse.

    NUL and lone surrogates (bytes that were no UTF-8) are kept as `ESC hex ;` and come back as they were, so that a
    hostile name can be recorded and refused with a reason instead of breaking the whole listing.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Escape what cannot be stored."""
        return None if value is None else _UNSTORABLE.sub(lambda found: f"\x1b{ord(found[0]):x};", value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Undo the escapes."""
        return None if value is None else _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _number() -> Column[Any]:
    # SQLite numbers rows by itself only in a column of exactly the type INTEGER.
    return Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


def _item(*, nullable: bool = False) -> Column[Any]:
    return Column("item_id", Text, ForeignKey("work_item.id"), nullable=nullable)


# `json` and not `jsonb`: it keeps the text as it was written, so that both engines give back the same.
work_item = Table(
    "work_item",
    metadata,
    _number(),
    Column("id", Text, nullable=False, unique=True),
    Column("source", Text, nullable=False),
    Column("path", AnyText, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("discovered_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("reason", Text),
    Column("detail", AnyText),
    Column("facts", JSON, nullable=False),
    # Drawn from the facts, so that replays and the search for gaps find their items by an index.
    Column("business_date", Date, nullable=False),
    Column("sequence", BigInteger),
    Column("original_kept", Boolean, nullable=False, default=False),
    Column("replay_of", Text, ForeignKey("work_item.id")),
    Column("replay_request", Text),
    Column("disposed_at", Instant),
    Column("claim_owner", Text),
    Column("claim_token", BigInteger, nullable=False, default=0),
    Column("claim_expires_at", Instant),
    UniqueConstraint("source", "path", "generation"),
    UniqueConstraint("replay_of", "replay_request"),
    # Items that failed before come after those that did not, so that one bad file does not starve the rest.
    Index("ix_work_item_queue", "source", "state", "attempts", "number"),
    Index("ix_work_item_source_business_date", "source", "business_date"),
    Index("ix_work_item_source_sequence", "source", "sequence"),
)

work_item_event = Table(
    "work_item_event",
    metadata,
    _number(),
    _item(),
    Column("at", Instant, nullable=False),
    Column("event", Text, nullable=False),
    Column("old_state", Text),
    Column("new_state", Text, nullable=False),
    Column("owner", Text),
    Column("token", BigInteger, nullable=False),
    Column("reason", Text),
    Column("detail", AnyText),
    Column("facts", JSON, nullable=False),
    Index("ix_work_item_event_item_id_number", "item_id", "number"),
)

digest = Table(
    "digest",
    metadata,
    _number(),
    Column("source", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("sha256", AnyText, nullable=False),
    _item(),
    Column("registered_at", Instant, nullable=False),
    UniqueConstraint("source", "kind", "sha256"),
    Index("ix_digest_item_id", "item_id"),
)

watermark = Table(
    "watermark",
    metadata,
    Column("source", Text, primary_key=True),
    Column("position", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

watermark_event = Table(
    "watermark_event",
    metadata,
    _number(),
    Column("source", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("event", Text, nullable=False),
    Column("old_position", Text),
    Column("new_position", Text, nullable=False),
    Column("who", AnyText),
    Column("why", AnyText),
    Index("ix_watermark_event_source_number", "source", "number"),
)

batch = Table(
    "batch",
    metadata,
    Column("batch_id", Text, primary_key=True),
    _item(),
    Column("source", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("folder", AnyText, nullable=False),
    Column("manifest", AnyText, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Index("ix_batch_item_id", "item_id"),
    Index("ix_batch_source_version", "source", "version"),
)

quality_result = Table(
    "quality_result",
    metadata,
    _number(),
    _item(),
    Column("batch_id", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("suite", Text, nullable=False),
    Column("suite_digest", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("rows_failed", BigInteger, nullable=False),
    Column("expectations", JSON, nullable=False),
    Column("docs", AnyText),
    Column("recorded_at", Instant, nullable=False),
    Index("ix_quality_result_item_id_number", "item_id", "number"),
)

expected_delivery = Table(
    "expected_delivery",
    metadata,
    Column("source", Text, primary_key=True),
    Column("due_at", Instant, nullable=False),
    Column("zone", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    _number(),
    Column("at", Instant, nullable=False),
    Column("who", AnyText, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", AnyText, nullable=False),
    Column("why", AnyText, nullable=False),
    Column("detail", JSON, nullable=False),
    Index("ix_audit_subject_number", "subject", "number"),
)
