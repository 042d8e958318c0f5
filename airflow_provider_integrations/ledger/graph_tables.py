"""The ledger's tables of delta sources; see `tables.py`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table, Text

from airflow_provider_integrations.ledger.tables import AnyText, Instant, metadata

__all__ = ["graph_pause", "graph_state"]

graph_state = Table(
    "graph_state",
    metadata,
    Column("source", Text, primary_key=True),
    # Counts the writings, each of which names the one that it has read.
    Column("revision", BigInteger, nullable=False),
    # Encrypted: it holds links, which are secrets. What people and alarms need to know stands beside it.
    Column("content", Text, nullable=False),
    Column("rounds", BigInteger, nullable=False),
    Column("obtained_at", Instant),
    Column("sealed_at", Instant),
    Column("updated_at", Instant, nullable=False),
)

graph_pause = Table(
    "graph_pause",
    metadata,
    Column("scope", AnyText, primary_key=True),
    Column("until", Instant, nullable=False),
)
