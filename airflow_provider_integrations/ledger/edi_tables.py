"""The ledger's tables for EDI: control numbers, interchanges received and sent, and what partners said of ours.

A control number is never counted from a row that could be lost: the last one drawn is the newest row of `control_number`,
which nobody can change.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from airflow_provider_integrations.ledger.tables import AnyText, Instant, metadata

__all__ = [
    "APPEND_ONLY_EDI",
    "PAIR",
    "acknowledgement",
    "control_number",
    "interchange_event",
    "interchange_received",
    "interchange_sent",
]

PAIR = ("syntax", "ours", "partner", "usage")
"""The columns of a pair."""

APPEND_ONLY_EDI = ("acknowledgement", "control_number", "interchange_event")
"""Tables in which triggers refuse UPDATE and DELETE."""


def _number() -> Column[Any]:
    # SQLite numbers rows by itself only in a column of exactly the type INTEGER.
    return Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


def _pair() -> tuple[Column[Any], ...]:
    return (
        Column("syntax", Text, nullable=False),
        Column("ours", AnyText, nullable=False),
        Column("partner", AnyText, nullable=False),
        Column("usage", Text, nullable=False),
    )


control_number = Table(
    "control_number",
    metadata,
    _number(),
    *_pair(),
    Column("level", Text, nullable=False),
    # NULL where a person said after which number to go on.
    Column("purpose", AnyText),
    Column("value", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    UniqueConstraint(*PAIR, "level", "purpose", name="uq_control_number_purpose"),
    Index("ix_control_number_line", *PAIR, "level", "number"),
)

interchange_received = Table(
    "interchange_received",
    metadata,
    _number(),
    *_pair(),
    Column("control", AnyText, nullable=False),
    # The control number as a number, to see that a partner's counter went round.
    Column("control_value", BigInteger),
    Column("sha256", Text, nullable=False),
    Column("item_id", Text, ForeignKey("work_item.id"), nullable=False),
    Column("place", Integer, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("duplicate_of", BigInteger, ForeignKey("interchange_received.number")),
    Column("answer_due_at", Instant),
    Column("answered_at", Instant),
    Column("answer", AnyText),
    # When a person said that it needs no answer any more.
    Column("settled_at", Instant),
    UniqueConstraint("item_id", "place"),
    Index("ix_interchange_received_control", *PAIR, "control", "received_at"),
    Index("ix_interchange_received_owed", "answered_at", "answer_due_at"),
)

interchange_sent = Table(
    "interchange_sent",
    metadata,
    _number(),
    Column("interchange", BigInteger, ForeignKey("interchange_sent.number")),
    *_pair(),
    Column("level", Text, nullable=False),
    Column("control", AnyText, nullable=False),
    Column("functional", AnyText, nullable=False),
    Column("purpose", AnyText, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("sent_at", Instant, nullable=False),
    Column("due_at", Instant),
    Column("settled_at", Instant),
    UniqueConstraint(*PAIR, "level", "purpose", "control", name="uq_interchange_sent_purpose"),
    Index("ix_interchange_sent_control", *PAIR, "level", "control"),
    Index("ix_interchange_sent_interchange", "interchange"),
    Index("ix_interchange_sent_status_due_at", "status", "due_at"),
    # A document that was refused is looked for among those that were sent later, under whichever identities.
    Index("ix_interchange_sent_purpose", "purpose"),
)

acknowledgement = Table(
    "acknowledgement",
    metadata,
    _number(),
    *_pair(),
    Column("item_id", Text, ForeignKey("work_item.id"), nullable=False),
    Column("place", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("control", AnyText, nullable=False),
    Column("functional", AnyText, nullable=False),
    Column("within", AnyText, nullable=False),
    Column("status", Text, nullable=False),
    Column("codes", JSON, nullable=False),
    Column("sets", JSON, nullable=False),
    Column("received_at", Instant, nullable=False),
    UniqueConstraint("item_id", "place"),
    Index("ix_acknowledgement_control", *PAIR, "level", "control"),
)

interchange_event = Table(
    "interchange_event",
    metadata,
    _number(),
    Column("at", Instant, nullable=False),
    Column("received_number", BigInteger, ForeignKey("interchange_received.number")),
    Column("sent_number", BigInteger, ForeignKey("interchange_sent.number")),
    Column("event", Text, nullable=False),
    Column("old_status", Text),
    Column("new_status", Text, nullable=False),
    # A word of a partner is matched once: this row is the match.
    Column("acknowledgement_number", BigInteger, ForeignKey("acknowledgement.number"), unique=True),
    Column("detail", JSON, nullable=False),
    Index("ix_interchange_event_received_number", "received_number", "number"),
    Index("ix_interchange_event_sent_number", "sent_number", "number"),
)
