"""Ledgers as `Ledger.migrate` leaves them, without a migration for each test.

The migrations are run once in a process, on a database in memory; each ledger gets a copy of it, page by page, which
takes a hundredth of the time. What a migration does, and on which database, is what `test_ledger_schema.py` is about.
"""

from __future__ import annotations

import functools
import sqlite3
from typing import cast

from airflow_provider_integrations.ledger.ledger import Ledger

__all__ = ["migrated"]


def migrated(ledger: Ledger) -> Ledger:
    """The same ledger with its schema: a copy where the database is an empty SQLite one, else by a migration."""
    database = ledger._database
    if database.engine.dialect.name != "sqlite":
        ledger.migrate()
        return ledger
    raw = database.engine.raw_connection()
    try:
        connection = cast(sqlite3.Connection, raw.driver_connection)
        there = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if there == (0,):
            if database.file is not None:
                connection.execute("PRAGMA journal_mode=WAL")
            _template().backup(connection)
            return ledger
    finally:
        raw.close()
    ledger.migrate()  # Two fixtures may have one file.
    return ledger


@functools.cache
def _template() -> sqlite3.Connection:
    ledger = Ledger.connect("sqlite://")
    ledger.migrate()
    connection = sqlite3.connect(":memory:")
    raw = ledger._database.engine.raw_connection()
    try:
        cast(sqlite3.Connection, raw.driver_connection).backup(connection)
    finally:
        raw.close()
        ledger.close()
    return connection
