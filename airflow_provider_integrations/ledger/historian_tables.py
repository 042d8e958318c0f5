"""The ledger's tables of historians; see `tables.py`. Samples lie at nanoseconds since 1970 UTC, which no date type holds."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Index, Integer, Table, Text

from airflow_provider_integrations.ledger.tables import AnyText, Instant, metadata

__all__ = ["historian_gap", "historian_progress"]

historian_progress = Table(
    "historian_progress",
    metadata,
    Column("item_id", Text, ForeignKey("work_item.id"), primary_key=True),
    Column("source", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("seconds_total", Double, nullable=False),
    Column("seconds_done", Double, nullable=False),
    Column("seconds_before", Double, nullable=False),
    Column("samples", BigInteger, nullable=False),
    Column("elapsed", Double, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_historian_progress_source_run", "source", "run"),
)

historian_gap = Table(
    "historian_gap",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("source", Text, nullable=False),
    Column("tag", AnyText, nullable=False),
    Column("begin_ns", BigInteger, nullable=False),
    Column("end_ns", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("expected", BigInteger),
    Column("found", BigInteger, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("tried_at", Instant),
    # A closed gap stays, with when and by which run: what was missing once is a fact about the historian.
    Column("closed_at", Instant),
    Column("closed_by", Text),
    Index("ix_historian_gap_source_closed_at", "source", "closed_at"),
)
